import { resolve } from "node:path";
import { z } from "zod";
import type { AllowEntry } from "./auth/allow.ts";
import { ROLES } from "./auth/roles.ts";
import { findPatternFault, isTrustDomain } from "./auth/spiffe.ts";
import { LimenError } from "./errors.ts";
import { LOOPBACK_ADDRESS } from "./loopback.ts";

/** Each call of a proxy looks through all entries, so their number has a bound. */
export const MAX_ALLOW = 256;
/** The name of the filter's resource in our manifests. */
const RESOURCE_PRESET = "limen";

/** Who may call; paths are absolute. */
export type AuthSettings = {
  tls: { certificate: string; key: string; clientCa: string | null } | null;
  trustDomain: string;
  /** The tokens file. */
  tokens: string | null;
  allow: readonly AllowEntry[];
  /** Listeners off loopback without TLS: a sidecar in front of them does it. */
  plaintext: boolean;
};

const text = z.string().min(1).max(1024);
const path = z.string().min(1, "the path of a file");
const pattern = z.string().superRefine((value, context) => {
  const fault = findPatternFault(value);
  if (fault !== null) context.addIssue({ code: "custom", message: fault });
});

const allowEntry = z.strictObject({
  spiffe: pattern,
  role: z.enum(ROLES),
  resources: z.array(text).min(1).max(64).optional(),
  node: z
    .strictObject({
      id: text.optional(),
      cluster: text.optional(),
      metadata: z.record(z.string(), text).optional(),
    })
    .refine((rule) => Object.keys(rule).length > 0, "id, cluster or metadata of the node")
    .optional(),
});

/** The key `auth` of limen.yaml. */
export const authSchema = z
  .strictObject({
    tls: z.strictObject({ certificate: path, key: path, clientCa: path.optional() }).optional(),
    trustDomain: z
      .string()
      .refine(isTrustDomain, "a trust domain like cluster.local")
      .default("cluster.local"),
    tokens: path.optional(),
    allow: z.array(allowEntry).max(MAX_ALLOW, `at most ${MAX_ALLOW} entries`).default([]),
    plaintext: z.boolean().default(false),
  })
  .optional();

type AuthInput = z.output<typeof authSchema>;

function checkAuth(auth: NonNullable<AuthInput>, where: string): void {
  const fail = (what: string): never => {
    throw new LimenError("input", `${where}: auth: ${what}`);
  };
  if (auth.tls && auth.plaintext) fail('"tls" and "plaintext" exclude each other; remove one');
  if (auth.allow.length > 0 && auth.tls && !auth.tls.clientCa) {
    fail("allow needs tls.clientCa, which proves who shows a certificate; add it");
  }
  const far = auth.allow.find(({ spiffe }) => !spiffe.startsWith(`spiffe://${auth.trustDomain}/`));
  if (far) {
    fail(`allow: ${far.spiffe} is not of the trust domain ${auth.trustDomain}; set trustDomain`);
  }
  const idle = auth.allow.find(
    ({ role, resources, node }) => role !== "proxy" && (resources ?? node),
  );
  if (idle) fail(`allow: ${idle.spiffe}: resources and node go with role proxy; remove them`);
}

/** Checks what zod cannot; paths are made absolute against the folder of limen.yaml. */
export function resolveAuth(auth: AuthInput, where: string, folder: string): AuthSettings | null {
  if (!auth) return null;
  checkAuth(auth, where);
  const { tls, tokens } = auth;
  return {
    tls: tls
      ? {
          certificate: resolve(folder, tls.certificate),
          key: resolve(folder, tls.key),
          clientCa: tls.clientCa === undefined ? null : resolve(folder, tls.clientCa),
        }
      : null,
    trustDomain: auth.trustDomain,
    tokens: tokens === undefined ? null : resolve(folder, tokens),
    allow: auth.allow.map(({ spiffe, role, resources, node }) => ({
      spiffe,
      role,
      resources: resources ?? [RESOURCE_PRESET],
      node: node ?? null,
    })),
    plaintext: auth.plaintext,
  };
}

function findGap(name: "xds" | "http", auth: AuthSettings | null): string | null {
  const tls = "auth.tls (certificate, key, clientCa)";
  if (name === "xds") {
    const hasProxies = auth?.tls?.clientCa && auth.allow.some(({ role }) => role === "proxy");
    return hasProxies || auth?.plaintext ? null : `${tls} and an auth.allow entry with role proxy`;
  }
  const isGuarded = auth?.tls || auth?.plaintext;
  const hasCallers = auth?.tokens || (auth?.tls && auth.allow.some((e) => e.role !== "proxy"));
  if (!isGuarded) return `${tls} and auth.tokens`;
  return hasCallers ? null : "auth.tokens, or an auth.allow entry with role reader or operator";
}

/** Refuses a listener that others reach and that nothing guards. */
export function checkListen(
  listen: Readonly<Record<"xds" | "http", string>>,
  auth: AuthSettings | null,
  where: string,
): void {
  for (const name of ["xds", "http"] as const) {
    const address = listen[name];
    if (LOOPBACK_ADDRESS.test(address)) continue;
    const gap = findGap(name, auth);
    if (gap === null) continue;
    const text = `${where}: listen.${name}: ${address} is refused, others reach it`;
    throw new LimenError("input", `${text}; add ${gap}, or use 127.0.0.1:PORT`);
  }
}
