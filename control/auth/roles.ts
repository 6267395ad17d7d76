import type { SpiffeId } from "./spiffe.ts";

export const ROLES = ["proxy", "labeler", "reader", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** Who calls. `mesh`: a sidecar in front of a plaintext listener let it pass, nobody looked here. */
export type Identity =
  | { kind: "loopback" }
  | { kind: "mesh" }
  | { kind: "spiffe"; id: SpiffeId }
  | { kind: "token"; name: string; role: Role };

/** An operator may do what people do; being a proxy is another thing. */
const COVERS: Readonly<Record<Role, readonly Role[]>> = {
  proxy: ["proxy"],
  labeler: ["labeler"],
  reader: ["reader"],
  operator: ["operator", "reader", "labeler"],
};

export const coversRole = (held: Role, needed: Role): boolean => COVERS[held].includes(needed);

/** Paths that need another role than their method says. */
const ROLE_OF_PATH: Readonly<Record<string, Role>> = {
  "POST /v1/labels": "labeler",
  // Asks, and changes nothing: POST because a request to be explained is long.
  "POST /v1/explain": "reader",
};

/** The role a path of the HTTP API needs: whatever is not known to be harmless needs the highest. */
export function roleOfPath(method: string, path: string): Role {
  const special = ROLE_OF_PATH[`${method} ${path}`];
  if (special !== undefined) return special;
  return method === "GET" || method === "HEAD" ? "reader" : "operator";
}

/** How history and logs name who called. */
export function nameIdentity(identity: Identity): string {
  if (identity.kind === "spiffe") return identity.id.uri;
  return identity.kind === "token" ? identity.name : identity.kind;
}

/** Who history names for a change: what callers say of themselves is believed on loopback only. */
export function nameActor(identity: Identity, claimed: string | undefined): string {
  const name = nameIdentity(identity);
  const isKept = identity.kind === "loopback" && claimed !== undefined && claimed !== "";
  return isKept ? `${claimed} via ${name}` : name;
}
