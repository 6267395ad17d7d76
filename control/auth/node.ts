import type { SpiffeId } from "./spiffe.ts";
import { matchText } from "./spiffe.ts";

/** What a proxy says of itself. */
export type NodeClaim = {
  id: string;
  cluster: string;
  metadata: Readonly<Record<string, unknown>>;
};

/** What an entry of `auth.allow` wants of the node; `*` stands for any characters. */
export type NodeRule = {
  id?: string | undefined;
  cluster?: string | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
};

/** TYPE~IP~POD.NAMESPACE~DOMAIN, as Istio's agent writes it. */
const ISTIO_ID = /^[a-z]+~[^~]*~([^~]+)~[^~]*$/;

/** The namespace an Istio node id names; null for ids of another form. */
export function readNamespace(id: string): string | null {
  const pod = ISTIO_ID.exec(id)?.[1];
  return pod === undefined ? null : pod.slice(pod.lastIndexOf(".") + 1);
}

function findClash(what: string, claimed: unknown, certified: string | null): string | null {
  if (claimed === undefined || claimed === certified) return null;
  const text = typeof claimed === "string" ? claimed : "no text";
  return `node says ${what} ${text}, its certificate ${certified ?? "none"}`;
}

function findUnmet(rule: NodeRule, node: NodeClaim): string | null {
  const wanted: [string, string | undefined, unknown][] = [
    ["id", rule.id, node.id],
    ["cluster", rule.cluster, node.cluster],
    ...Object.entries(rule.metadata ?? {}).map(([key, pattern]): [string, string, unknown] => [
      `metadata ${key}`,
      pattern,
      Object.hasOwn(node.metadata, key) ? node.metadata[key] : undefined,
    ]),
  ];
  const unmet = wanted.find(
    ([, pattern, value]) =>
      pattern !== undefined && !(typeof value === "string" && matchText(pattern, value)),
  );
  return unmet ? `its ${unmet[0]} is not ${unmet[1]}, as auth.allow wants it` : null;
}

/**
 * Why a node is not of an identity, or null. Whatever it says of namespace and service account must
 * be what the certificate says; one that says neither must be told of by `rule`.
 */
export function findNodeFault(id: SpiffeId, node: NodeClaim, rule: NodeRule | null): string | null {
  const { NAMESPACE, SERVICE_ACCOUNT } = node.metadata;
  const fromId = readNamespace(node.id);
  const clash =
    findClash("namespace", fromId ?? undefined, id.namespace) ??
    findClash("namespace", NAMESPACE, id.namespace) ??
    findClash("service account", SERVICE_ACCOUNT, id.serviceAccount);
  if (clash !== null) return clash;
  if (rule !== null) return findUnmet(rule, node);
  const isTold = fromId !== null || (NAMESPACE !== undefined && SERVICE_ACCOUNT !== undefined);
  return isTold ? null : 'no Istio node, nothing to compare; say "node" in its auth.allow entry';
}
