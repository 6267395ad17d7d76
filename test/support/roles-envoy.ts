// An Envoy whose clusters of control have an endpoint for each process of the role.
import { type BootstrapOptions, buildBootstrap } from "../../control/envoy/bootstrap.ts";
import { XDS_CLUSTER } from "../../control/envoy/http-filters.ts";
import { LOOPBACK, type RunningEnvoy, startEnvoy } from "./envoy.ts";
import type { RoleProcess } from "./roles.ts";
import { FILTER, TAG_ROUTE } from "./stage.ts";
import type { RunningUpstream } from "./upstream.ts";

type Cluster = { name: string; load_assignment: { endpoints: unknown[] } };
type Bootstrap = { static_resources: { clusters: Cluster[] } };

const endpointOf = (port: number): unknown => ({
  endpoint: { address: { socket_address: { address: LOOPBACK, port_value: port } } },
});

/** The bootstrap with these ports in each of the named clusters. */
function arrangeEndpoints(ports: Readonly<Record<string, readonly number[]>>) {
  return (options: BootstrapOptions): object => {
    const bootstrap = structuredClone(buildBootstrap(options)) as unknown as Bootstrap;
    for (const { name, load_assignment } of bootstrap.static_resources.clusters) {
      const own = ports[name];
      if (own) load_assignment.endpoints = [{ lb_endpoints: own.map(endpointOf) }];
    }
    return bootstrap;
  };
}

export type RolesEnvoyOptions = {
  node: string;
  serve: readonly RoleProcess[];
  collect: readonly RoleProcess[];
  shop: RunningUpstream;
  /** Where tagged requests go. */
  bots: RunningUpstream;
};

const ACCESS_LOG_CLUSTER = "limen_als";
const FLUSH_MS = 100;

/** Gets tables from any of the servers, and sends its records to one of the collectors. */
export function startRolesEnvoy(options: RolesEnvoyOptions): Promise<RunningEnvoy> {
  const { node, serve, collect, shop, bots } = options;
  const [server, collector] = [serve[0]?.xdsPort ?? 0, collect[0]?.xdsPort ?? 0];
  return startEnvoy({
    node: { id: node, cluster: "edge" },
    upstreams: [shop, bots],
    tagRoutes: [TAG_ROUTE],
    defaultUpstream: shop.name,
    filters: [{ ...FILTER, vmId: "limen" }],
    xds: { host: LOOPBACK, port: server },
    accessLog: { host: LOOPBACK, port: collector },
    accessLogFlushMs: FLUSH_MS,
    labelHeader: "x-limen-label",
    arrange: arrangeEndpoints({
      [XDS_CLUSTER]: serve.map(({ xdsPort }) => xdsPort),
      [ACCESS_LOG_CLUSTER]: collect.map(({ xdsPort }) => xdsPort),
    }),
  });
}
