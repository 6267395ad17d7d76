import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasRole, refuseProxy } from "../../../control/auth/allow.ts";
import { findNodeFault, type NodeClaim, readNamespace } from "../../../control/auth/node.ts";
import { type Identity, nameActor, ROLES, roleOfPath } from "../../../control/auth/roles.ts";
import { parseSpiffe, type SpiffeId } from "../../../control/auth/spiffe.ts";
import { allow, sidecar } from "../../support/identity.ts";

function idOf(namespace: string, account: string): SpiffeId {
  const id = parseSpiffe(`spiffe://cluster.local/ns/${namespace}/sa/${account}`);
  if (id === null) throw new Error("no id");
  return id;
}
const workload = (namespace: string, account = "web"): Identity => ({
  kind: "spiffe",
  id: idOf(namespace, account),
});
const node = (id: string, metadata: Record<string, unknown> = {}, cluster = "edge"): NodeClaim => ({
  id,
  cluster,
  metadata,
});
const SHOP = "spiffe://cluster.local/ns/shop/*";

describe("roleOfPath", () => {
  it.each([
    ["GET", "/v1/status", "reader"],
    ["GET", "/v1/history", "reader"],
    ["GET", "/v1/decisions", "reader"],
    ["GET", "/v1/explain", "reader"],
    ["POST", "/v1/explain", "reader"],
    ["POST", "/v1/labels", "labeler"],
    ["POST", "/v1/apply", "operator"],
    ["POST", "/v1/off", "operator"],
    ["POST", "/v1/on", "operator"],
    ["POST", "/v1/of-tomorrow", "operator"],
    ["DELETE", "/v1/labels", "operator"],
  ])("wants for %s %s the role %s", (method, path, role) => {
    expect(roleOfPath(method, path)).toBe(role);
  });
});

describe("hasRole", () => {
  // Which role covers which, row by row, as the README's table has it.
  const COVERED = {
    proxy: ["proxy"],
    labeler: ["labeler"],
    reader: ["reader"],
    operator: ["labeler", "reader", "operator"],
  };
  it.each(ROLES)("gives an entry of %s what it covers and nothing else", (role) => {
    const entries = [allow(SHOP, role)];
    const held = ROLES.filter((needed) => hasRole(workload("shop"), needed, entries));
    expect(held).toEqual(COVERED[role]);
  });

  it("gives a token its role, whatever the entries say", () => {
    const token: Identity = { kind: "token", name: "a", role: "reader" };
    const entries = [allow("spiffe://cluster.local/*", "operator")];
    expect(ROLES.filter((needed) => hasRole(token, needed, entries))).toEqual(["reader"]);
  });

  it("gives loopback every role", () => {
    expect(ROLES.every((needed) => hasRole({ kind: "loopback" }, needed, []))).toBe(true);
  });

  it("lets what a mesh let pass be a proxy only", () => {
    expect(ROLES.filter((needed) => hasRole({ kind: "mesh" }, needed, []))).toEqual(["proxy"]);
  });
});

describe("readNamespace", () => {
  it.each([
    ["sidecar~10.1.2.3~web-7d.shop~shop.svc.cluster.local", "shop"],
    ["router~10.1.2.3~gw.a.b.istio-system~istio-system.svc.cluster.local", "istio-system"],
    ["edge-1", null],
    ["a~b~c", null],
    ["sidecar~10.1.2.3~web.shop~d~e", null],
  ])("reads %s as %s", (id, namespace) => {
    expect(readNamespace(id)).toBe(namespace);
  });
});

describe("findNodeFault", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,7}$/);

  it("takes a sidecar exactly when its namespace is the certificate's", () => {
    fc.assert(
      fc.property(name, name, name, (mine, theirs, pod) => {
        const fault = findNodeFault(idOf(mine, "web"), node(sidecar(pod, theirs)), null);
        return (fault === null) === (mine === theirs);
      }),
    );
  });

  it("takes no node that says anything the certificate does not, whatever the rule", () => {
    const metadata = fc.record({ NAMESPACE: name, SERVICE_ACCOUNT: name }, { requiredKeys: [] });
    fc.assert(
      fc.property(metadata, fc.constantFrom(null, { id: "*" }), (said, rule) => {
        const fault = findNodeFault(idOf("shop", "web"), node("edge-1", said), rule);
        const isTrue =
          (said.NAMESPACE ?? "shop") === "shop" && (said.SERVICE_ACCOUNT ?? "web") === "web";
        const isTold = rule !== null || Object.keys(said).length === 2;
        return (fault === null) === (isTrue && isTold);
      }),
    );
  });

  it("takes no namespace that is not a text", () => {
    const fault = findNodeFault(idOf("shop", "web"), node("a", { NAMESPACE: ["shop"] }), {
      id: "*",
    });
    expect(fault).toMatch(/namespace no text/);
  });

  it.each([
    ["id", { id: "edge-*" }],
    ["cluster", { cluster: "edge" }],
    ["metadata", { metadata: { site: "fra*" } }],
  ])("takes a plain Envoy by its %s", (_, rule) => {
    const claim = node("edge-1", { site: "fra-2" });
    expect(findNodeFault(idOf("shop", "web"), claim, rule)).toBe(null);
  });

  it.each([
    ["id", { id: "core-*" }, /its id is not core-\*/],
    ["cluster", { cluster: "core" }, /its cluster is not core/],
    ["metadata", { metadata: { site: "ams*" } }, /its metadata site is not ams\*/],
    ["metadata it has not", { metadata: { toString: "*" } }, /its metadata toString/],
  ])("refuses a plain Envoy by its %s", (_, rule, fault) => {
    const claim = node("edge-1", { site: "fra-2" });
    expect(findNodeFault(idOf("shop", "web"), claim, rule)).toMatch(fault);
  });

  it("refuses a plain Envoy of which nothing is told", () => {
    expect(findNodeFault(idOf("shop", "web"), node("edge-1"), null)).toMatch(/say "node"/);
  });
});

describe("refuseProxy", () => {
  const reasonOf = (
    identity: Identity,
    claim: NodeClaim,
    names: string[],
    entries = [allow(SHOP, "proxy")],
  ) => refuseProxy(identity, claim, names, entries)?.reason ?? null;

  it("lets a proxy have what its entry lists", () => {
    expect(reasonOf(workload("shop"), node(sidecar("a", "shop")), ["limen"])).toBe(null);
  });

  it("refuses an identity without an entry of role proxy", () => {
    const entries = [allow(SHOP, "operator")];
    expect(reasonOf(workload("shop"), node(sidecar("a", "shop")), ["limen"], entries)).toBe("role");
  });

  it("refuses a token: a proxy shows a certificate", () => {
    const token: Identity = { kind: "token", name: "a", role: "operator" };
    expect(reasonOf(token, node("a"), ["limen"])).toBe("role");
  });

  it("refuses the node of another", () => {
    expect(reasonOf(workload("shop"), node(sidecar("a", "bank")), ["limen"])).toBe("node");
  });

  it("refuses a list with one name that is not listed", () => {
    const names = ["limen", "other"];
    expect(reasonOf(workload("shop"), node(sidecar("a", "shop")), names)).toBe("resource");
  });

  it("adds entries up", () => {
    const entries = [allow(SHOP, "proxy"), allow(SHOP, "proxy", { resources: ["edge-*"] })];
    const names = ["limen", "edge-1"];
    expect(reasonOf(workload("shop"), node(sidecar("a", "shop")), names, entries)).toBe(null);
  });

  it("takes no resource from an entry that does not admit the node", () => {
    const entries = [
      allow(SHOP, "proxy"),
      allow(SHOP, "proxy", { resources: ["edge"], node: { cluster: "core" } }),
    ];
    const claim = node(sidecar("a", "shop"));
    expect(reasonOf(workload("shop"), claim, ["edge"], entries)).toBe("resource");
  });
});

describe("nameActor", () => {
  const token: Identity = { kind: "token", name: "ann", role: "operator" };
  it.each<[string, Identity, string | undefined, string]>([
    ["says who a caller on loopback says it is", { kind: "loopback" }, "ann", "ann via loopback"],
    ["says loopback for one that says nothing", { kind: "loopback" }, undefined, "loopback"],
    ["says loopback for one that says an empty name", { kind: "loopback" }, "", "loopback"],
    ["believes a token and not the body", token, "bob", "ann"],
    ["names a workload by its id", workload("ops"), "x", "spiffe://cluster.local/ns/ops/sa/web"],
  ])("%s", (_, identity, claimed, actor) => {
    expect(nameActor(identity, claimed)).toBe(actor);
  });
});
