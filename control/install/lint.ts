// What neither Kubernetes nor istioctl sees: manifests that are accepted and then refused by the
// proxy, or that do nothing.
import { RBAC } from "../envoy/http-filters.ts";
import type { Json } from "../envoy/json.ts";
import { OVERRIDE_KEY } from "./istio-cluster.ts";

export const RULES = [
  "static-cluster",
  "dead-bootstrap",
  "priority",
  "default-config",
  "type-urls",
  "override-key",
  "names",
  "forged-headers",
] as const;
export type Finding = { rule: (typeof RULES)[number]; where: string; text: string };
export type LintOptions = {
  /** `mesh`: tags of an earlier hop stay, so nothing is removed. */
  trust?: "nobody" | "mesh";
};

/** Clusters of Istio's own bootstrap; the last two only with the proxy configuration that asks. */
const ISTIO_STATIC = [
  "agent",
  "prometheus_stats",
  "sds-grpc",
  "xds-grpc",
  "zipkin",
  "envoy_accesslog_service",
  "envoy_metrics_service",
];

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value under a path of keys; undefined where there is none. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) here = isObject(here) ? here[key] : undefined;
  return here;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const nameOf = (document: Json): string =>
  `${at(document, "kind")} ${at(document, "metadata", "namespace")}/${at(document, "metadata", "name")}`;

const ofKind = (documents: readonly Json[], kind: string): Json[] =>
  documents.filter((each) => each["kind"] === kind);

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}

type Patch = { applyTo: unknown; context: unknown; operation: unknown; value: Json };

function patchesOf(filter: Json): Patch[] {
  return list(at(filter, "spec", "configPatches")).map((each) => {
    const value = at(each, "patch", "value");
    return {
      applyTo: at(each, "applyTo"),
      context: at(each, "match", "context"),
      operation: at(each, "patch", "operation"),
      value: isObject(value) ? value : {},
    };
  });
}

type Discovery = { name: unknown; context: unknown; discovery: Json };

function discoveriesOf(filter: Json): Discovery[] {
  return patchesOf(filter).flatMap(({ value, context }) => {
    const discovery = value["config_discovery"];
    return isObject(discovery) ? [{ name: value["name"], context, discovery }] : [];
  });
}

/** Clusters that ConfigMaps of that namespace add to the bootstrap. */
function addedClusters(documents: readonly Json[], namespace: unknown): unknown[] {
  return ofKind(documents, "ConfigMap")
    .filter((map) => at(map, "metadata", "namespace") === namespace)
    .map((map) => parse(at(map, "data", OVERRIDE_KEY)))
    .flatMap((override) => list(at(override, "static_resources", "clusters")))
    .map((cluster) => at(cluster, "name"));
}

type Say = (rule: Finding["rule"], text: string) => void;

function checkDiscovery({ name, discovery }: Discovery, known: readonly unknown[], say: Say): void {
  const services = list(at(discovery, "config_source", "api_config_source", "grpc_services"));
  for (const service of services) {
    const cluster = at(service, "envoy_grpc", "cluster_name");
    if (cluster !== undefined && !known.includes(cluster)) {
      const text = `cluster ${cluster} is in no bootstrap; Envoy refuses the listener`;
      say("static-cluster", `${text}; add it by bootstrapOverride or take google_grpc`);
    }
  }
  const fallback = at(discovery, "default_config", "@type");
  if (fallback === undefined || discovery["apply_default_config_without_warming"] !== true) {
    const text = `filter ${name} waits for its first push, or answers 500 without one`;
    say("default-config", `${text}; give default_config and apply it without warming`);
  }
  const types = list(discovery["type_urls"]);
  for (const type of new Set([fallback, `type.googleapis.com/${RBAC}`])) {
    if (type === undefined || types.includes(type)) continue;
    say("type-urls", `filter ${name} takes no ${type}: name it in type_urls`);
  }
}

/** A filter that asks istiod, or a file, is answered only under its own name. */
function checkNames(filter: Json, documents: readonly Json[], say: Say): void {
  const patches = patchesOf(filter);
  const carried = patches
    .filter(({ applyTo }) => applyTo === "EXTENSION_CONFIG")
    .map(({ context, value }) => `${context} ${value["name"]}`);
  const maps = ofKind(documents, "ConfigMap").map((map) => at(map, "data"));
  for (const { name, context, discovery } of discoveriesOf(filter)) {
    if (at(discovery, "config_source", "ads") && !carried.includes(`${context} ${name}`)) {
      say(
        "names",
        `istiod has nothing under the name ${name} for ${context}; add EXTENSION_CONFIG`,
      );
    }
    const path = at(discovery, "config_source", "path_config_source", "path");
    const key = String(path).split("/").at(-1) ?? "";
    if (path !== undefined && !maps.some((data) => at(data, key) !== undefined)) {
      say("names", `no ConfigMap has the key ${key} that the filter reads at ${path}`);
    }
    const plugin = at(discovery, "default_config", "config", "name");
    if (plugin !== undefined && plugin !== name) {
      say("names", `the plugin ${plugin} of default_config is not the filter ${name}; name it so`);
    }
  }
}

function checkRemoval(filter: Json, say: Say): void {
  const removed = patchesOf(filter)
    .filter(({ applyTo, operation }) => applyTo === "NETWORK_FILTER" && operation === "MERGE")
    .filter(
      ({ value }) => list(at(value, "typed_config", "early_header_mutation_extensions")).length > 0,
    )
    .map(({ context }) => context);
  for (const { context } of discoveriesOf(filter)) {
    if (removed.includes(context)) continue;
    const text = `${context} removes no forged x-limen-* before the route is chosen`;
    say("forged-headers", `${text}; merge early_header_mutation_extensions into its manager`);
  }
}

function checkFilter(filter: Json, documents: readonly Json[], options: LintOptions, say: Say) {
  const known = [...ISTIO_STATIC, ...addedClusters(documents, at(filter, "metadata", "namespace"))];
  if (at(filter, "spec", "priority") === undefined) {
    say("priority", "no priority: its place among other EnvoyFilters is left to chance; set one");
  }
  if (patchesOf(filter).some(({ applyTo }) => applyTo === "BOOTSTRAP")) {
    say("dead-bootstrap", "BOOTSTRAP is accepted and does nothing; use bootstrapOverride");
  }
  for (const each of discoveriesOf(filter)) checkDiscovery(each, known, say);
  checkNames(filter, documents, say);
  if (options.trust !== "mesh") checkRemoval(filter, say);
}

/** Istio's agent looks for one key, and passes over what is no whole document. */
function checkMap(map: Json, say: Say): void {
  for (const [key, text] of Object.entries(at(map, "data") ?? {})) {
    if (!String(text).includes("static_resources") && key !== OVERRIDE_KEY) continue;
    if (key !== OVERRIDE_KEY) {
      say("override-key", `key ${key} is never read; Istio's agent reads ${OVERRIDE_KEY}`);
    } else if (!isObject(parse(text))) {
      say("override-key", `${key} is not one whole JSON document; the agent passes it over`);
    }
  }
}

/** Telemetry that names a provider no mesh configuration of the set has. */
function checkProviders(documents: readonly Json[]): Finding[] {
  const meshes = documents.flatMap((each) =>
    isObject(each["meshConfig"]) ? [each["meshConfig"]] : [],
  );
  if (meshes.length === 0) return [];
  const known = meshes.flatMap((mesh) =>
    list(mesh["extensionProviders"]).map((p) => at(p, "name")),
  );
  return ofKind(documents, "Telemetry").flatMap((telemetry) =>
    list(at(telemetry, "spec", "accessLogging"))
      .flatMap((logging) => list(at(logging, "providers")))
      .filter((provider) => !known.includes(at(provider, "name")))
      .map((provider) => ({
        rule: "names" as const,
        where: nameOf(telemetry),
        text: `provider ${at(provider, "name")} is in no extensionProviders; nothing is logged`,
      })),
  );
}

/** All that is wrong with the objects of one installation, in the order of the documents. */
export function lintManifests(documents: readonly Json[], options: LintOptions = {}): Finding[] {
  const findings: Finding[] = [];
  for (const document of documents) {
    const say: Say = (rule, text) => findings.push({ rule, where: nameOf(document), text });
    if (document["kind"] === "EnvoyFilter") checkFilter(document, documents, options, say);
    if (document["kind"] === "ConfigMap") checkMap(document, say);
  }
  return [...findings, ...checkProviders(documents)];
}
