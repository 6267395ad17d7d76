import { describe, expect, it } from "vitest";
import type { Json } from "../../../control/envoy/json.ts";
import { buildIstioManifests } from "../../../control/install/istio.ts";
import { buildExamples } from "../../../control/install/istio-examples.ts";
import type { IstioOptions } from "../../../control/install/istio-options.ts";
import { lintManifests, RULES } from "../../../control/install/lint.ts";

const documentsOf = (options: Partial<IstioOptions> = {}): Json[] =>
  buildIstioManifests(options).flatMap(({ documents }) => [...documents]);

/** The documents with one piece of their text replaced; the piece must be there. */
function broken(documents: readonly Json[], from: string | RegExp, to: string): Json[] {
  const text = JSON.stringify(documents);
  const changed = text.replaceAll(new RegExp(from, "g"), to);
  if (changed === text) throw new Error(`nothing to break: ${from}`);
  return JSON.parse(changed) as Json[];
}

const rulesOf = (documents: readonly Json[]): string[] => [
  ...new Set(lintManifests(documents).map(({ rule }) => rule)),
];

const STATIC = documentsOf({ way: "static-cluster" });
const PLAIN = documentsOf();
const FILE = documentsOf({ way: "file", module: { path: "/opt/limen/limen.wasm" } });
const CARRIED = documentsOf({ way: "istiod", module: { path: "/opt/limen/limen.wasm" } });

/** For each rule, manifests that break it and nothing else. */
const BREAKS: readonly (readonly [(typeof RULES)[number], string, Json[]])[] = [
  [
    "static-cluster",
    "a cluster that no bootstrap has",
    broken(STATIC, '"cluster_name":"limen_xds","retry', '"cluster_name":"limen_cds","retry'),
  ],
  [
    "static-cluster",
    "an override in another namespace than the filter",
    broken(
      STATIC,
      '"name":"limen-bootstrap","namespace":"istio-ingress"',
      '"name":"limen-bootstrap","namespace":"other"',
    ),
  ],
  [
    "dead-bootstrap",
    "a BOOTSTRAP patch",
    broken(
      PLAIN,
      '"applyTo":"HTTP_FILTER","match":{[^}]*}}}}},"patch":{"operation":"INSERT_BEFORE","value":{"name":"envoy',
      '"applyTo":"BOOTSTRAP","patch":{"operation":"MERGE","value":{"name":"envoy',
    ),
  ],
  ["priority", "no priority", broken(PLAIN, '"priority":10,', "")],
  ["default-config", "no default configuration", broken(PLAIN, '"default_config":{[^}]*},', "")],
  [
    "default-config",
    "a default configuration after warming only",
    broken(
      PLAIN,
      '"apply_default_config_without_warming":true',
      '"apply_default_config_without_warming":false',
    ),
  ],
  [
    "type-urls",
    "type_urls without the off switch",
    broken(PLAIN, ',"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"]', "]"),
  ],
  [
    "type-urls",
    "type_urls without the default's own type",
    broken(FILE, '\\["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",', "["),
  ],
  [
    "override-key",
    "an override that is a fragment of JSON",
    broken(STATIC, '"custom_bootstrap.json":"{', '"custom_bootstrap.json":"'),
  ],
  [
    "names",
    "a mounted file under another key",
    broken(FILE, '"data":{"limen.json"', '"data":{"table.json"'),
  ],
  [
    "names",
    "an extension that istiod hands out under another name",
    broken(
      CARRIED,
      '"value":{"name":"limen","typed_config"',
      '"value":{"name":"limes","typed_config"',
    ),
  ],
  [
    "names",
    "a default plugin of another name",
    broken(FILE, '"config":{"name":"limen","root_id"', '"config":{"name":"limes","root_id"'),
  ],
  [
    "names",
    "a provider that no mesh configuration has",
    broken(PLAIN, '"providers":\\[{"name":"limen"', '"providers":[{"name":"lumen"'),
  ],
  [
    "forged-headers",
    "a filter in a context where nothing removes forged headers",
    broken(
      PLAIN,
      '"applyTo":"NETWORK_FILTER","match":{"context":"GATEWAY"',
      '"applyTo":"NETWORK_FILTER","match":{"context":"SIDECAR_INBOUND"',
    ),
  ],
];

describe("lintManifests", () => {
  it.each(BREAKS)("finds %s: %s, and nothing else", (rule, _what, documents) => {
    // A fragment is no override, so its cluster is missing too.
    const also = documents === BREAKS[8]?.[2] ? ["static-cluster"] : [];
    expect(rulesOf(documents).sort()).toEqual([rule, ...also].sort());
  });

  it("finds an override under another key than the agent reads", () => {
    const documents = broken(STATIC, '"custom_bootstrap.json":', '"bootstrap.json":');
    expect(rulesOf(documents).sort()).toEqual(["override-key", "static-cluster"]);
  });

  it("has a manifest that breaks each rule", () => {
    expect([...new Set(BREAKS.map(([rule]) => rule))].sort()).toEqual([...RULES].sort());
  });

  it("lets forged headers stay with trust: mesh", () => {
    expect(lintManifests(documentsOf({ trust: "mesh" }), { trust: "mesh" })).toEqual([]);
  });

  it.each(buildExamples().map((each) => [each.file, each.documents] as const))(
    "finds nothing in istio/%s",
    (_file, documents) => {
      expect(lintManifests(documents)).toEqual([]);
    },
  );
});
