// The Envoy bootstrap of the demo, the tests and envoy/: one place knows Envoy's configuration.
import { isIP } from "node:net";
import { earlyRemoval, type FilterSource, httpFilters, XDS_CLUSTER } from "./http-filters.ts";
import { type Json, typed } from "./json.ts";
import { buildTransportSocket, type TlsSecrets } from "./tls.ts";

export type Address = { host: string; port: number };
export type Upstream = { name: string; address: Address };
/** Requests with that header value go there. */
export type TagRoute = { header: string; value: string; upstream: string };

export type BootstrapOptions = {
  node: { id: string; cluster: string };
  admin: Address;
  listener: Address;
  upstreams: readonly Upstream[];
  /** Tried in order before the rest. */
  tagRoutes: readonly TagRoute[];
  /** Where requests without such a tag go. */
  defaultUpstream: string;
  /** The filters of Limen, in order; usually one. */
  filters: readonly FilterSource[];
  /** Further listeners with filters of their own and the same routes. */
  moreListeners?: readonly { address: Address; filters: readonly FilterSource[] }[];
  /** The ECDS service; needed by filters of kind `xds`. */
  xds?: Address;
  /** The gRPC access-log service; without it nothing is recorded. */
  accessLog?: Address;
  /** Mutual TLS towards both; without it plaintext. */
  tls?: TlsSecrets;
  /** How long entries may wait in Envoy before they are sent. Envoy's own default is 1 s. */
  accessLogFlushMs?: number;
  /** Response header with which applications say what a request was, as `labels:` in limen.yaml
   * names it; clients do not see it. */
  labelHeader?: string;
  /** Remove `x-limen-*` natively before route and filter, so that no client's tag is believed even
   * when the filter is dead. Off only with `trust: mesh`. */
  removeForged?: boolean;
  /** How long a whole answer may take; null for streams without an end. Envoy's default is 15 s. */
  routeTimeoutSeconds?: number | null;
};

const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
export const ACCESS_LOG_CLUSTER = "limen_als";
/** About 3,000 entries; Envoy's own 16 KiB is 48, and what does not fit is lost. */
const ACCESS_LOG_BUFFER_BYTES = 1_048_576;
const ACCESS_LOG_FLUSH_MS = 1000;

const seconds = (milliseconds: number): string => `${milliseconds / 1000}s`;

function socket({ host, port }: Address): Json {
  return { socket_address: { address: host, port_value: port } };
}

function cluster(name: string, address: Address, options: Json): Json {
  return {
    name,
    type: isIP(address.host) === 0 ? "STRICT_DNS" : "STATIC",
    connect_timeout: "1s",
    ...options,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(address) } }] }],
    },
  };
}

/** gRPC speaks HTTP/2; the pings find a peer that is gone without a word. */
export function grpcCluster(name: string, address: Address, tls?: TlsSecrets): Json {
  const keepalive = { interval: "30s", timeout: "5s" };
  const http2 = { http2_protocol_options: { connection_keepalive: keepalive } };
  const protocol = typed(HTTP_OPTIONS, { explicit_http_config: http2 });
  return cluster(name, address, {
    ...(tls ? { transport_socket: buildTransportSocket(tls) } : {}),
    typed_extension_protocol_options: { [HTTP_OPTIONS]: protocol },
  });
}

function routes(options: BootstrapOptions): Json[] {
  const { routeTimeoutSeconds, tagRoutes, defaultUpstream } = options;
  const timeout =
    routeTimeoutSeconds === undefined
      ? {}
      : { timeout: seconds((routeTimeoutSeconds ?? 0) * 1000) };
  const byTag = tagRoutes.map(({ header, value, upstream }) => ({
    match: { prefix: "/", headers: [{ name: header, string_match: { exact: value } }] },
    route: { cluster: upstream, ...timeout },
  }));
  return [...byTag, { match: { prefix: "/" }, route: { cluster: defaultUpstream, ...timeout } }];
}

function accessLog(flushMs: number): Json {
  return {
    name: "envoy.access_loggers.http_grpc",
    typed_config: typed("envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig", {
      common_config: {
        log_name: "limen",
        transport_api_version: "V3",
        grpc_service: { envoy_grpc: { cluster_name: ACCESS_LOG_CLUSTER } },
        buffer_size_bytes: ACCESS_LOG_BUFFER_BYTES,
        buffer_flush_interval: seconds(flushMs),
        // The decision record, under the name the filter's set_property gives it.
        filter_state_objects_to_log: ["wasm.limen"],
      },
    }),
  };
}

function connectionManager(options: BootstrapOptions, filters: readonly FilterSource[]): Json {
  const {
    accessLog: collector,
    accessLogFlushMs = ACCESS_LOG_FLUSH_MS,
    removeForged = true,
  } = options;
  const type = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  return typed(type, {
    stat_prefix: "limen",
    codec_type: "AUTO",
    route_config: {
      name: "limen",
      virtual_hosts: [{ name: "all", domains: ["*"], routes: routes(options) }],
    },
    ...(removeForged ? { early_header_mutation_extensions: [earlyRemoval()] } : {}),
    http_filters: httpFilters(filters, options.labelHeader),
    ...(collector ? { access_log: [accessLog(accessLogFlushMs)] } : {}),
  });
}

function listener(
  options: BootstrapOptions,
  { address, filters }: { address: Address; filters: readonly FilterSource[] },
  index: number,
): Json {
  const manager = {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: connectionManager(options, filters),
  };
  return {
    name: index === 0 ? "limen" : `limen_${index + 1}`,
    address: socket(address),
    filter_chains: [{ filters: [manager] }],
  };
}

export function buildListeners(options: BootstrapOptions): Json[] {
  const { listener: address, filters, moreListeners = [] } = options;
  const listeners = [{ address, filters }, ...moreListeners];
  return listeners.map((each, index) => listener(options, each, index));
}

/** The clusters of the applications. */
export function buildUpstreams({ upstreams }: BootstrapOptions): Json[] {
  return upstreams.map(({ name, address }) => cluster(name, address, {}));
}

/** The clusters of control; Envoy wants that of the ECDS service static, else it refuses the listener. */
export function buildControlClusters({ xds, accessLog: collector, tls }: BootstrapOptions): Json[] {
  return [
    ...(xds ? [grpcCluster(XDS_CLUSTER, xds, tls)] : []),
    ...(collector ? [grpcCluster(ACCESS_LOG_CLUSTER, collector, tls)] : []),
  ];
}

/** The part of a bootstrap that names the proxy. */
export function buildHead({ node, admin }: BootstrapOptions): Json {
  return { node, admin: { address: socket(admin) } };
}

/** The whole bootstrap, in the JSON form Envoy reads by `-c FILE.json`. */
export function buildBootstrap(options: BootstrapOptions): Json {
  return {
    ...buildHead(options),
    static_resources: {
      listeners: buildListeners(options),
      clusters: [...buildUpstreams(options), ...buildControlClusters(options)],
    },
  };
}
