// What a request meets: native removal of forged headers, Limen, router.
import { type Json, typed } from "./json.ts";

/** One filter of Limen; what is said here and what control pushes must name the same module. */
export type FilterSource = {
  /** Name in the chain, and the name asked for by ECDS. */
  name: string;
  /** Names the plugin inside its VM; the name unless said otherwise. */
  rootId?: string;
  /** Filters with one VM id share a VM: give each its own. */
  vmId: string;
  /** The built module, as the proxy sees it. */
  wasmPath: string;
  /** `open`, the default: a request is served untagged when the filter is dead. `reload`: 503 until
   * a new VM is up. `closed`: 503. */
  failurePolicy?: "open" | "reload" | "closed";
  /** `xds`: base state until a table is pushed. A file: the table in it, base state while it holds
   * none; without the file Envoy does not start. Else the table itself, for good. */
  table: "xds" | WatchedFile | Uint8Array;
};

/** A file as the proxy sees it; Envoy reads it again when a file is moved into the folder. */
export type WatchedFile = { path: string; folder: string };

export const XDS_CLUSTER = "limen_xds";
export const WASM = "envoy.extensions.filters.http.wasm.v3.Wasm";
export const RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC";
const MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation";
/** `_` counts as `-`: CGI-style applications fold both into one name. */
const FORGED = "(?i)x[-_]limen[-_].*";

/**
 * Open by the older field: with `failure_policy: FAIL_OPEN` Envoy 1.40 answers the request that
 * traps with 503, with `fail_open` it serves it. The two fields exclude each other.
 */
function onFailure(policy: NonNullable<FilterSource["failurePolicy"]>): Json {
  if (policy === "open") return { fail_open: true };
  return { failure_policy: policy === "reload" ? "FAIL_RELOAD" : "FAIL_CLOSED" };
}

/** The filter's own message around a table; empty bytes are the base state. */
export function buildWasm(filter: Omit<FilterSource, "table">, table: Uint8Array): Json {
  const configuration = { value: Buffer.from(table).toString("base64") };
  return typed(WASM, {
    config: {
      name: filter.name,
      root_id: filter.rootId ?? filter.name,
      vm_config: {
        vm_id: filter.vmId,
        runtime: "envoy.wasm.runtime.v8",
        code: { local: { filename: filter.wasmPath } },
      },
      configuration: typed("google.protobuf.BytesValue", configuration),
      ...onFailure(filter.failurePolicy ?? "open"),
    },
  });
}

/** Envoy waits 0.5 s to 30 s between tries by itself: too long after a restart of control. */
export const RETRY = { retry_back_off: { base_interval: "0.25s", max_interval: "1s" } };

const BY_SERVICE: Json = {
  api_config_source: {
    api_type: "GRPC",
    transport_api_version: "V3",
    grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER, retry_policy: RETRY } }],
  },
};

/** Where Envoy finds resources in a file. */
export function buildFileSource({ path, folder }: WatchedFile): Json {
  return {
    resource_api_version: "V3",
    path_config_source: { path, watched_directory: { path: folder } },
  };
}

function discovered(filter: FilterSource, file: WatchedFile | null): Json {
  const service = { resource_api_version: "V3", initial_fetch_timeout: "5s", ...BY_SERVICE };
  return {
    name: filter.name,
    config_discovery: {
      config_source: file ? buildFileSource(file) : service,
      // Live at once in the base state: a control service that is down never delays a proxy.
      default_config: buildWasm(filter, new Uint8Array(0)),
      apply_default_config_without_warming: true,
      // An empty RBAC filter does nothing: what control pushes to take the filter out.
      type_urls: [`type.googleapis.com/${WASM}`, `type.googleapis.com/${RBAC}`],
    },
  };
}

/**
 * Takes forged headers off before Envoy chooses a route. The filter `header_mutation` would be too
 * late: the route is chosen before the first filter, and a removal there does not choose it again.
 */
export function earlyRemoval(): Json {
  const remove = { key_matcher: { safe_regex: { regex: FORGED } } };
  return {
    name: "envoy.http.early_header_mutation.header_mutation",
    typed_config: typed(MUTATION, { mutations: [{ remove_on_match: remove }] }),
  };
}

/**
 * Takes the label an application answers with off the response, into the metadata that the access
 * log carries. Removed in another way it is gone before the log reads it.
 */
export function labelTaker(header: string): Json {
  const entry = { metadata_namespace: "limen", key: "label", type: "STRING" };
  return {
    name: "envoy.filters.http.header_to_metadata",
    typed_config: typed("envoy.extensions.filters.http.header_to_metadata.v3.Config", {
      response_rules: [{ header, on_header_present: entry, remove: true }],
    }),
  };
}

/** All HTTP filters of the listener, in the order a request meets them. */
export function httpFilters(filters: readonly FilterSource[], labelHeader?: string): Json[] {
  const ours = filters.map((filter) => {
    const { name, table } = filter;
    if (table instanceof Uint8Array) return { name, typed_config: buildWasm(filter, table) };
    return discovered(filter, table === "xds" ? null : table);
  });
  const router = {
    name: "envoy.filters.http.router",
    typed_config: typed("envoy.extensions.filters.http.router.v3.Router", {}),
  };
  return [...(labelHeader === undefined ? [] : [labelTaker(labelHeader)]), ...ours, router];
}
