// What a real istiod sent to a proxy, as a fixture: taken by the lane with Istio, replayed without.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../control/envoy/json.ts";

/** One recorded proxy, in Envoy's JSON form. */
export type Recording = { listeners: Json[]; routes: Json[]; clusters: Json[]; endpoints: Json[] };
export type Recordings = Readonly<Record<"gateway" | "sidecar", Recording>>;

/** Who has which port; a recording has the stand-ins instead. */
export type Ports = Readonly<Record<keyof typeof STAND_INS, number>>;
export const STAND_INS = {
  listener: 20001,
  outbound: 20002,
  shop: 20003,
  bots: 20004,
  control: 20005,
} as const;

const LOOPBACK = "127.0.0.1";

/** Names and addresses carry ports too, so numbers are replaced wherever they stand. */
function renumber<Value>(value: Value, from: Ports, to: Ports): Value {
  const numbers = new Map(
    Object.entries(from).map(([name, port]) => [String(port), String(to[name as keyof Ports])]),
  );
  const text = JSON.stringify(value).replace(/(?<!\d)\d{4,5}(?!\d)/g, (n) => numbers.get(n) ?? n);
  return JSON.parse(text) as Value;
}

type Dump = { configs: Json[] };

const section = (dump: Dump, type: string): Json =>
  dump.configs.find((each) => String(each["@type"]).endsWith(`.${type}`)) ?? {};

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

const portOf = (listener: Json): number => {
  const { address } = listener as { address: { socket_address: { port_value: number } } };
  return address.socket_address.port_value;
};

/** Only where each host is: its statistics change from run to run. */
function plainEndpoints(config: Json): Json {
  const { cluster_name, endpoints } = config as {
    cluster_name: string;
    endpoints?: { lb_endpoints?: { endpoint: { address: Json } }[] }[];
  };
  const hosts = (endpoints ?? []).flatMap(({ lb_endpoints }) => lb_endpoints ?? []);
  return {
    cluster_name,
    endpoints: [
      { lb_endpoints: hosts.map(({ endpoint }) => ({ endpoint: { address: endpoint.address } })) },
    ],
  };
}

/** Maps have no order on the wire. */
function sortKeys<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  ) as Value;
}

const byName = (a: Json, b: Json): number =>
  String(a["name"] ?? a["cluster_name"]) < String(b["name"] ?? b["cluster_name"]) ? -1 : 1;

/** Listeners on the ports of the lane, and all they lead to, without times and versions. */
export function takeRecording(dumpText: string, ports: Ports): Recording {
  const dump = JSON.parse(dumpText) as Dump;
  const listeners = list(section(dump, "ListenersConfigDump")["dynamic_listeners"])
    .map((each) => (each["active_state"] as { listener: Json }).listener)
    .filter((listener) => [ports.listener, ports.outbound].includes(portOf(listener)));
  const clusters = list(section(dump, "ClustersConfigDump")["dynamic_active_clusters"])
    .map(({ cluster }) => cluster as Json)
    .filter(({ name }) => /shop|limen|inbound\|/.test(String(name)));
  const endpoints = list(section(dump, "EndpointsConfigDump")["dynamic_endpoint_configs"])
    .map(({ endpoint_config }) => plainEndpoints(endpoint_config as Json))
    .filter(({ cluster_name }) => /shop|limen/.test(String(cluster_name)));
  const routes = list(section(dump, "RoutesConfigDump")["dynamic_route_configs"])
    .map(({ route_config }) => route_config as Json)
    .filter(({ name }) => JSON.stringify(listeners).includes(`"${name}"`));
  const taken = renumber({ listeners, routes, clusters, endpoints }, ports, STAND_INS);
  for (const each of Object.values(taken)) each.sort(byName);
  return sortKeys(taken);
}

/** The endpoints in the cluster: nobody answers EDS here. */
function fixEndpoints(cluster: Json, endpoints: readonly Json[]): Json {
  if (cluster["type"] !== "EDS") return cluster;
  const { eds_cluster_config: _eds, ...rest } = cluster;
  const own = endpoints.find(({ cluster_name }) => cluster_name === cluster["name"]);
  return { ...rest, type: "STATIC", load_assignment: own };
}

/** Routes come from a file instead of istiod; all else stays as istiod sent it. */
function fileRoutes<Value>(value: Value, path: string): Value {
  return JSON.parse(JSON.stringify(value), (key, each: Json) =>
    key === "rds"
      ? { ...each, config_source: { resource_api_version: "V3", path_config_source: { path } } }
      : each,
  ) as Value;
}

/** Writes a bootstrap that replays a recording on these ports; gives its path. */
export function writeReplay(recording: Recording, ports: Ports, folder: string): string {
  const { listeners, routes, clusters, endpoints } = renumber(recording, STAND_INS, ports);
  const write = (file: string, content: Json): string => {
    const path = join(folder, file);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const response = (file: string, resources: readonly Json[]): Json => {
    const path = write(file, { version_info: "1", resources });
    return { resource_api_version: "V3", path_config_source: { path } };
  };
  response("routes.json", routes);
  return write("bootstrap.json", {
    node: { id: "router~127.0.0.1~replay.default~default.svc.cluster.local", cluster: "replay" },
    admin: { address: { socket_address: { address: LOOPBACK, port_value: 0 } } },
    dynamic_resources: {
      lds_config: response("listeners.json", fileRoutes(listeners, join(folder, "routes.json"))),
      cds_config: response(
        "clusters.json",
        clusters.map((each) => fixEndpoints(each, endpoints)),
      ),
    },
  });
}
