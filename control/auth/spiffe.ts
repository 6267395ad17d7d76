import { X509Certificate } from "node:crypto";

/** A SPIFFE id; namespace and service account are null when its path is not of Kubernetes' form. */
export type SpiffeId = {
  uri: string;
  trustDomain: string;
  namespace: string | null;
  serviceAccount: string | null;
};

/** Bytes of an id; the SPIFFE standard wants at least these supported and no more sent. */
export const SPIFFE_BYTES_MAX = 2048;

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;
const SCHEME = "spiffe://";

const isSegment = (text: string): boolean => SEGMENT.test(text) && text !== "." && text !== "..";

export const isTrustDomain = (text: string): boolean => TRUST_DOMAIN.test(text);

/** Reads an id as the SPIFFE standard writes it; null for anything else. */
export function parseSpiffe(uri: string): SpiffeId | null {
  if (!uri.startsWith(SCHEME) || uri.length > SPIFFE_BYTES_MAX) return null;
  const [trustDomain = "", ...path] = uri.slice(SCHEME.length).split("/");
  if (!isTrustDomain(trustDomain) || path.length === 0 || !path.every(isSegment)) return null;
  const isKubernetes = path.length === 4 && path[0] === "ns" && path[2] === "sa";
  return {
    uri,
    trustDomain,
    namespace: isKubernetes ? (path[1] ?? null) : null,
    serviceAccount: isKubernetes ? (path[3] ?? null) : null,
  };
}

/** One name of Node's text of a subject alternative name: TYPE:VALUE, quoted as JSON if it must. */
const NAME = /(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;

function listUris(subjectAltName: string): string[] {
  const names = [...subjectAltName.matchAll(NAME)];
  return names.filter(([, type]) => type === "URI").map(([, , value]) => value ?? "");
}

/** The id of a certificate (DER) that was verified; null unless it has exactly one URI and that is one. */
export function readSpiffe(certificate: Uint8Array): SpiffeId | null {
  const uris = listUris(new X509Certificate(certificate).subjectAltName ?? "");
  return uris.length === 1 ? parseSpiffe(uris[0] ?? "") : null;
}

/** What is wrong with a pattern of ids, or null. */
export function findPatternFault(pattern: string): string | null {
  if (!pattern.startsWith(SCHEME)) return `a pattern begins with ${SCHEME}`;
  const [trustDomain = "", ...path] = pattern.slice(SCHEME.length).split("/");
  if (!isTrustDomain(trustDomain)) return "the trust domain is written out, in lower case";
  if (path.length === 0) return "a pattern has a path, as in spiffe://cluster.local/ns/shop/*";
  if (path.every((segment) => isSegment(segment.replaceAll("*", "x")))) return null;
  return "path segments hold letters, digits, . _ - and *";
}

/**
 * Whether a text is one that a pattern stands for; `*` is any characters. Each part is looked for
 * once, from where the one before ended, so the time is linear whatever a caller sends.
 */
export function matchText(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}

/** `*` stands for any part of one segment, and as the last segment for all the rest. */
export function matchSpiffe(pattern: string, uri: string): boolean {
  const wanted = pattern.split("/");
  const segments = uri.split("/");
  const isOpen = wanted.at(-1) === "*";
  if (isOpen ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((each, at) => matchText(each, segments[at] ?? ""));
}
