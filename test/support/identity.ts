// An authority, a server's files and the settings that go with them, for tests of who may call.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { AllowEntry } from "../../control/auth/allow.ts";
import type { Role } from "../../control/auth/roles.ts";
import type { AuthSettings } from "../../control/settings-auth.ts";
import {
  type Authority,
  createAuthority,
  issueServer,
  issueWorkload,
  type Pem,
  type PemFiles,
  writePem,
} from "./certificates.ts";

/** This machine only, but no name of loopback that Limen lets in without asking (Linux). */
export const AWAY = "127.0.0.2";
export const SERVER_NAMES = { dns: ["localhost", "limen.test"], ip: ["127.0.0.1", AWAY] } as const;

export type Ground = {
  folder: string;
  authority: Authority;
  server: PemFiles;
  /** Replaces the server's files by newly issued ones, and tells their certificate. */
  rotateServer(by?: Authority, clientCa?: string): Promise<Pem>;
  settings(more?: Partial<AuthSettings>): AuthSettings;
  client(namespace: string, serviceAccount: string): Promise<ChannelCredentials>;
  strike(): void;
};

export const allow = (spiffe: string, role: Role, more: Partial<AllowEntry> = {}): AllowEntry => ({
  spiffe,
  role,
  resources: ["limen"],
  node: null,
  ...more,
});

export function grpcBy(pem: Pem, ca: string): ChannelCredentials {
  return credentials.createSsl(Buffer.from(ca), Buffer.from(pem.key), Buffer.from(pem.certificate));
}

export async function setGround(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "limen-identity-"));
  const authority = await createAuthority();
  const rotateServer = async (by = authority, clientCa = authority.certificate): Promise<Pem> => {
    const pem = await issueServer(by, SERVER_NAMES);
    writePem(folder, "server", pem, clientCa);
    return pem;
  };
  const first = await issueServer(authority, SERVER_NAMES);
  const server = writePem(folder, "server", first, authority.certificate);
  return {
    folder,
    authority,
    server,
    rotateServer,
    settings: (more) => ({
      tls: { certificate: server.certificate, key: server.key, clientCa: server.ca },
      trustDomain: "cluster.local",
      tokens: null,
      allow: [allow("spiffe://cluster.local/ns/shop/*", "proxy")],
      plaintext: false,
      ...more,
    }),
    client: async (namespace, serviceAccount) => {
      const pem = await issueWorkload(authority, namespace, serviceAccount);
      return grpcBy(pem, authority.certificate);
    },
    strike: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A node as a sidecar of Istio names itself. */
export const sidecar = (pod: string, namespace: string): string =>
  `sidecar~10.0.0.7~${pod}.${namespace}~${namespace}.svc.cluster.local`;

export const tokenOf = (name: string): string => name.padEnd(40, "0123456789");

/** A tokens file with one token a role, `tokenOf(ROLE)`, readable by its owner only. */
export function writeTokens(folder: string, roles: readonly string[]): string {
  const file = join(folder, "tokens.yaml");
  const lines = roles.map(
    (role) => `- { name: ${role}-1, role: ${role}, token: ${tokenOf(role)} }`,
  );
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}
