import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { LimenError } from "../errors.ts";
import { LOOPBACK_ADDRESS } from "../loopback.ts";
import type { AuthSettings } from "../settings-auth.ts";
import { hasRole, REASONS, type Reason, type Refusal, refuseProxy } from "./allow.ts";
import type { NodeClaim } from "./node.ts";
import { type Identity, nameIdentity, roleOfPath } from "./roles.ts";
import { readSpiffe, type SpiffeId } from "./spiffe.ts";
import { openTlsFiles, type TlsFiles } from "./tls-files.ts";
import { openTokens, type TokenStore } from "./tokens.ts";

export type RefusedCounts = Readonly<Record<Reason, number>>;

/** The other end of one gRPC call. */
export type Peer = {
  /** Why it may not have that, or null; a refusal is counted. */
  refuse(node: NodeClaim, names: readonly string[]): Refusal | null;
};

/** What checks who calls, on one listener. */
export type Guard = {
  /** Null: plaintext. */
  tls: TlsFiles | null;
  /** Only names of loopback are answered to, as a caller from a page on another site has none. */
  isLoopback: boolean;
  /** Of a gRPC call, by its verified client certificate (DER). */
  meetPeer(certificate: Uint8Array | null): Peer;
  /** Who sent an HTTP request that may have what it asks for; what is denied is counted. */
  identify(request: IncomingMessage, path: string): Identity | Denied;
};

export type Auth = {
  /** The guard of a listener. Throws "refused" for one that others reach and nothing guards. */
  guard(address: string, where: string): Guard;
  /** Calls refused since the start, by reason. */
  refused(): RefusedCounts;
  close(): void;
};

/** A caller that is not known (401), or known and not allowed (403). */
export type Denied = { kind: "denied"; status: 401 | 403; message: string };

type Parts = {
  settings: AuthSettings | null;
  tls: TlsFiles | null;
  tokens: TokenStore | null;
  counts: Record<Reason, number>;
};

const BEARER = /^bearer +([\x21-\x7e]+) *$/i;
const LOOPBACK: Identity = { kind: "loopback" };
const MESH: Identity = { kind: "mesh" };

function certify(parts: Parts, certificate: Uint8Array | null): SpiffeId | string {
  if (certificate === null) return "no client certificate";
  const id = readSpiffe(certificate);
  const wanted = parts.settings?.trustDomain ?? "";
  if (id === null) return "the client certificate has no SPIFFE id, or not exactly one URI";
  return id.trustDomain === wanted ? id : `${id.uri} is not of the trust domain ${wanted}`;
}

function meetPeer(parts: Parts, preset: Identity | null, certificate: Uint8Array | null): Peer {
  const { counts, settings } = parts;
  const count = (refusal: Refusal | null): Refusal | null => {
    if (refusal) counts[refusal.reason]++;
    return refusal;
  };
  const known = preset ?? certify(parts, certificate);
  if (typeof known === "string") {
    return { refuse: () => count({ reason: "identity", message: known }) };
  }
  const identity: Identity = "uri" in known ? { kind: "spiffe", id: known } : known;
  return {
    refuse: (node, names) => count(refuseProxy(identity, node, names, settings?.allow ?? [])),
  };
}

/** A certificate that the authority of clients did not sign is as good as none. */
function readCertificate({ socket }: IncomingMessage): Uint8Array | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  return socket.getPeerCertificate().raw ?? null;
}

/** A token decides when there is one, then a certificate, then where the listener is. */
function findIdentity(parts: Parts, preset: Identity | null, request: IncomingMessage) {
  const { authorization } = request.headers;
  if (authorization !== undefined && (parts.tokens || !preset)) {
    const token = BEARER.exec(authorization)?.[1];
    return (token && parts.tokens?.find(token)) || "the token is not known";
  }
  if (preset) return preset;
  const certificate = readCertificate(request);
  if (certificate === null) return "who calls is not known; send authorization: Bearer TOKEN";
  const id = certify(parts, certificate);
  return typeof id === "string" ? id : ({ kind: "spiffe", id } as const);
}

function identify(
  parts: Parts,
  preset: Identity | null,
  request: IncomingMessage,
  path: string,
): Identity | Denied {
  const { counts, settings } = parts;
  const identity = findIdentity(parts, preset, request);
  if (typeof identity === "string") {
    counts.credential++;
    return { kind: "denied", status: 401, message: identity };
  }
  const role = roleOfPath(request.method ?? "", path);
  if (hasRole(identity, role, settings?.allow ?? [])) return identity;
  counts.forbidden++;
  const message = `${nameIdentity(identity)} is no ${role}, as ${request.method} ${path} needs`;
  return { kind: "denied", status: 403, message };
}

function createGuard(parts: Parts, address: string, where: string): Guard {
  const isLoopback = LOOPBACK_ADDRESS.test(address);
  const isPlaintext = parts.settings?.plaintext ?? false;
  if (!isLoopback && !isPlaintext && !parts.tls) {
    throw new LimenError(
      "refused",
      `${where}: ${address} is not a loopback address; add auth to limen.yaml or use 127.0.0.1:PORT`,
    );
  }
  const person = isLoopback ? LOOPBACK : null;
  const peer = person ?? (isPlaintext ? MESH : null);
  return {
    tls: isLoopback || isPlaintext ? null : parts.tls,
    isLoopback,
    meetPeer: (certificate) => meetPeer(parts, peer, certificate),
    identify: (request, path) => identify(parts, person, request, path),
  };
}

/**
 * Everything that listeners ask before they answer; null settings let loopback in and nobody else.
 * Reads the files; a wrong one throws "input".
 */
export function openAuth(settings: AuthSettings | null, say: (line: string) => void): Auth {
  if (settings?.plaintext) {
    say(
      "auth.plaintext: listeners off loopback speak plaintext, and whoever reaches the xds port is" +
        " a proxy: the mesh has to encrypt and to decide who reaches it",
    );
  }
  const parts: Parts = {
    settings,
    tokens: settings?.tokens ? openTokens(settings.tokens, say) : null,
    tls: settings?.tls ? openTlsFiles(settings.tls, say) : null,
    counts: Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<Reason, number>,
  };
  return {
    guard: (address, where) => createGuard(parts, address, where),
    refused: () => ({ ...parts.counts }),
    close: () => parts.tls?.close(),
  };
}
