// The EnvoyFilter: native removal of forged headers, the taker of labels, and Limen before the router.
import {
  buildFileSource,
  buildWasm,
  earlyRemoval,
  labelTaker,
  RBAC,
  RETRY,
  WASM,
  XDS_CLUSTER,
} from "../envoy/http-filters.ts";
import { type Json, typed } from "../envoy/json.ts";
import { googleGrpc } from "./istio-cluster.ts";
import {
  FILTER_NAME,
  type IstioModule,
  type IstioOptions,
  type IstioUse,
} from "./istio-options.ts";

export const MANAGER = "envoy.filters.network.http_connection_manager";
const MANAGER_TYPE =
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
/** The static cluster Istio itself makes for `envoyAccessLogService`. */
export const ISTIO_LOG_CLUSTER = "envoy_accesslog_service";
/** Where the annotation of `mountAnnotations` puts the files of a ConfigMap. */
export const MOUNT_FOLDER = "/etc/limen";
export const MOUNTED_FILE = `${FILTER_NAME}.json`;
/** Relative operations want a place among other EnvoyFilters; Istio's own warning IST0151. */
const PRIORITY = 10;

const CONTEXTS: Readonly<Record<IstioUse, string>> = {
  gateway: "GATEWAY",
  inbound: "SIDECAR_INBOUND",
  outbound: "SIDECAR_OUTBOUND",
};

/** The plugin from a file in the proxy, with a table; empty bytes are the base state. */
export function pluginOf(path: string, table: Uint8Array): Json {
  return buildWasm({ name: FILTER_NAME, vmId: FILTER_NAME, wasmPath: path }, table);
}

/**
 * What runs before the first push and after the TTL. A module that comes with the pushes is not
 * there yet, and inlined it would be copied into every listener: an empty RBAC does nothing, and
 * forged headers are gone before it.
 */
function base(module: IstioModule): Json {
  return module === "pushed" ? typed(RBAC, {}) : pluginOf(module.path, new Uint8Array(0));
}

function overGrpc(service: Json): Json {
  return {
    resource_api_version: "V3",
    initial_fetch_timeout: "5s",
    api_config_source: {
      api_type: "GRPC",
      transport_api_version: "V3",
      grpc_services: [service],
    },
  };
}

function source(options: IstioOptions): Json {
  const clusterService = (name: string): Json => ({
    envoy_grpc: { cluster_name: name, retry_policy: RETRY },
  });
  switch (options.way) {
    case "google-grpc":
      return overGrpc({ google_grpc: googleGrpc(options) });
    case "static-cluster":
      return overGrpc(clusterService(XDS_CLUSTER));
    case "access-log-cluster":
      return overGrpc(clusterService(ISTIO_LOG_CLUSTER));
    case "istiod":
      return { resource_api_version: "V3", initial_fetch_timeout: "5s", ads: {} };
    case "file":
      // Kubernetes swaps a symbolic link in the folder, never the file.
      return buildFileSource({ path: `${MOUNT_FOLDER}/${MOUNTED_FILE}`, folder: MOUNT_FOLDER });
  }
}

/** The filter of the chain, whose configuration is discovered. */
export function buildFilter(options: IstioOptions): Json {
  return {
    name: FILTER_NAME,
    config_discovery: {
      config_source: source(options),
      default_config: base(options.module),
      apply_default_config_without_warming: true,
      type_urls: [WASM, RBAC].map((type) => `type.googleapis.com/${type}`),
    },
  };
}

type Patch = { applyTo: string; match: Json; patch: Json };

/** Into the connection manager itself: the HTTP filters come after the choice of the route. */
function removalPatch(context: string): Patch {
  const manager = { early_header_mutation_extensions: [earlyRemoval()] };
  return {
    applyTo: "NETWORK_FILTER",
    match: { context, listener: { filterChain: { filter: { name: MANAGER } } } },
    patch: {
      operation: "MERGE",
      value: { name: MANAGER, typed_config: typed(MANAGER_TYPE, manager) },
    },
  };
}

function filterPatch(context: string, value: Json): Patch {
  const filter = { name: MANAGER, subFilter: { name: "envoy.filters.http.router" } };
  return {
    applyTo: "HTTP_FILTER",
    match: { context, listener: { filterChain: { filter } } },
    patch: { operation: "INSERT_BEFORE", value },
  };
}

/** The taker before Limen: what is inserted later stands nearer to the router. */
function patchesFor(use: IstioUse, options: IstioOptions): Patch[] {
  const context = CONTEXTS[use];
  const { labelHeader, trust } = options;
  return [
    ...(trust === "mesh" ? [] : [removalPatch(context)]),
    ...(labelHeader === undefined ? [] : [filterPatch(context, labelTaker(labelHeader))]),
    filterPatch(context, buildFilter(options)),
  ];
}

/** What istiod itself shall hand out under the filter's name. */
function carried(use: IstioUse, options: IstioOptions): Patch[] {
  if (options.way !== "istiod" || options.module === "pushed") return [];
  const plugin = pluginOf(options.module.path, options.table ?? new Uint8Array(0));
  const value = { name: FILTER_NAME, typed_config: plugin };
  const match = { context: CONTEXTS[use] };
  return [{ applyTo: "EXTENSION_CONFIG", match, patch: { operation: "ADD", value } }];
}

export function buildEnvoyFilter(options: IstioOptions): Json {
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: options.name, namespace: options.namespace },
    spec: {
      priority: PRIORITY,
      workloadSelector: { labels: options.workload },
      configPatches: options.uses.flatMap((use) => [
        ...patchesFor(use, options),
        ...carried(use, options),
      ]),
    },
  };
}
