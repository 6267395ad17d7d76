import { findNodeFault, type NodeClaim, type NodeRule } from "./node.ts";
import { coversRole, type Identity, nameIdentity, type Role } from "./roles.ts";
import { matchSpiffe, matchText } from "./spiffe.ts";

/** One entry of `auth.allow`: identities of that pattern have that role. */
export type AllowEntry = {
  spiffe: string;
  role: Role;
  /** ECDS resources a proxy may ask for; `*` stands for any characters. None: `limen`. */
  resources: readonly string[];
  node: NodeRule | null;
};

/** Why a call was refused; the words are those of the counters. */
export const REASONS = ["identity", "role", "node", "resource", "credential", "forbidden"] as const;
export type Reason = (typeof REASONS)[number];
export type Refusal = { reason: Reason; message: string };

/** Whether an identity has a role: by its entry, its token, or because nobody else reaches loopback. */
export function hasRole(identity: Identity, needed: Role, allow: readonly AllowEntry[]): boolean {
  switch (identity.kind) {
    case "loopback":
      return true;
    case "mesh":
      return needed === "proxy";
    case "token":
      return coversRole(identity.role, needed);
    case "spiffe":
      return allow.some(
        ({ spiffe, role }) => coversRole(role, needed) && matchSpiffe(spiffe, identity.id.uri),
      );
  }
}

/**
 * Why a proxy may not have the resources it asks for, or null. Entries add up: one that admits the
 * node is enough, and each resource needs one of those.
 */
export function refuseProxy(
  identity: Identity,
  node: NodeClaim,
  names: readonly string[],
  allow: readonly AllowEntry[],
): Refusal | null {
  if (identity.kind === "loopback" || identity.kind === "mesh") return null;
  const who = nameIdentity(identity);
  const entries =
    identity.kind === "spiffe"
      ? allow.filter((e) => e.role === "proxy" && matchSpiffe(e.spiffe, identity.id.uri))
      : [];
  if (identity.kind !== "spiffe" || entries.length === 0) {
    return { reason: "role", message: `${who} is no proxy; add it to auth.allow` };
  }
  const faults = entries.map((entry) => findNodeFault(identity.id, node, entry.node));
  const admitting = entries.filter((_, at) => faults[at] === null);
  if (admitting.length === 0) {
    return { reason: "node", message: `${who} is not node ${node.id}: ${faults[0]}` };
  }
  const wrong = names.find((name) => !admitting.some((entry) => isListed(entry, name)));
  if (wrong === undefined) return null;
  const message = `${who} may not have resource ${wrong}; list it in auth.allow`;
  return { reason: "resource", message };
}

const isListed = ({ resources }: AllowEntry, name: string): boolean =>
  resources.some((pattern) => matchText(pattern, name));
