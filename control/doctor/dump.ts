// An Envoy's configuration dump, as far as Limen is concerned: the same for a plain Envoy and for one
// that istiod configures.
import type { Json } from "../envoy/json.ts";
import { LimenError } from "../errors.ts";
import { at, isOfType, listAt, textAt } from "./json.ts";

const MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
export const WASM = "envoy.extensions.filters.http.wasm.v3.Wasm";

/** An HTTP connection manager and the listener it stands in. */
export type Manager = {
  listener: string;
  filters: readonly Json[];
  earlyMutations: readonly Json[];
  accessLogs: readonly Json[];
};

export type TagRoute = { header: string; value: string; clusters: readonly string[] };

export type DumpedProxy = {
  node: string;
  managers: readonly Manager[];
  /** Updates of listeners that Envoy refused. */
  refused: readonly { listener: string; details: string }[];
  staticClusters: ReadonlySet<string>;
  otherClusters: ReadonlySet<string>;
  /** Routes that ask for a header's value, and the clusters they lead to. */
  tagRoutes: readonly TagRoute[];
  /** What ECDS gave, by filter. */
  discovered: ReadonlyMap<string, { version: string; config: Json }>;
};

/** Parts of a dump by the last word of their type. */
const partOf = (dump: unknown, name: string): Json =>
  listAt(dump, "configs").find((part) => textAt(part, "@type").endsWith(`.${name}`)) ?? {};

function listManagers(listener: Json): unknown[] {
  const last = at(listener, "default_filter_chain");
  const chains = [...listAt(listener, "filter_chains"), ...(last ? [last] : [])];
  return chains
    .flatMap((chain) => listAt(chain, "filters"))
    .map((filter) => at(filter, "typed_config"))
    .filter((config) => isOfType(config, MANAGER));
}

const readManagers = (listener: Json): Manager[] =>
  listManagers(listener).map((config) => ({
    listener: textAt(listener, "name") || "(no name)",
    filters: listAt(config, "http_filters"),
    earlyMutations: listAt(config, "early_header_mutation_extensions"),
    accessLogs: listAt(config, "access_log"),
  }));

function readClusters(route: Json): string[] {
  const one = textAt(route, "route", "cluster");
  const several = listAt(route, "route", "weighted_clusters", "clusters");
  return one === "" ? several.map((each) => textAt(each, "name")) : [one];
}

/** Routes stand in the manager, or come by RDS. */
function readTagRoutes(dump: unknown, listeners: readonly Json[]): TagRoute[] {
  const routes = partOf(dump, "RoutesConfigDump");
  const inManagers = listeners
    .flatMap((each) => listManagers(each))
    .map((config) => at(config, "route_config"));
  const named = [
    ...listAt(routes, "static_route_configs"),
    ...listAt(routes, "dynamic_route_configs"),
  ].map((each) => at(each, "route_config"));
  return [...inManagers, ...named]
    .flatMap((each) => listAt(each, "virtual_hosts"))
    .flatMap((each) => listAt(each, "routes"))
    .flatMap((route) =>
      listAt(route, "match", "headers").map((header) => ({
        header: textAt(header, "name").toLowerCase(),
        value: textAt(header, "string_match", "exact") || textAt(header, "exact_match"),
        clusters: readClusters(route),
      })),
    )
    .filter(({ header }) => header.startsWith("x-limen-"));
}

function readListeners(dump: unknown): Json[] {
  const part = partOf(dump, "ListenersConfigDump");
  const fixed = listAt(part, "static_listeners").map((each) => at(each, "listener"));
  const dynamic = listAt(part, "dynamic_listeners").map(
    (each) => at(each, "active_state", "listener") ?? at(each, "warming_state", "listener"),
  );
  return [...fixed, ...dynamic].flatMap((each) => (each ? [each as Json] : []));
}

const namesOf = (parts: readonly Json[]): Set<string> =>
  new Set(parts.map((each) => textAt(each, "cluster", "name")));

/** Throws "input" when the text is no configuration dump. */
export function readDump(text: string, where: string): DumpedProxy {
  let dump: unknown;
  try {
    dump = JSON.parse(text);
  } catch (thrown) {
    throw new LimenError("input", `${where}: no JSON; save Envoy's /config_dump there`, thrown);
  }
  if (listAt(dump, "configs").length === 0) {
    throw new LimenError("input", `${where}: no "configs"; save Envoy's whole /config_dump there`);
  }
  const clusters = partOf(dump, "ClustersConfigDump");
  const refused = listAt(partOf(dump, "ListenersConfigDump"), "dynamic_listeners")
    .map((each) => ({
      listener: textAt(each, "name"),
      details: textAt(each, "error_state", "details"),
    }))
    .filter(({ details }) => details !== "");
  const listeners = readListeners(dump);
  const found = listAt(partOf(dump, "EcdsConfigDump"), "ecds_filters").map((each) => {
    const config = at(each, "ecds_filter");
    const value = { version: textAt(each, "version_info"), config: at(config, "typed_config") };
    return [textAt(config, "name"), value as { version: string; config: Json }] as const;
  });
  return {
    node: textAt(partOf(dump, "BootstrapConfigDump"), "bootstrap", "node", "id"),
    managers: listeners.flatMap(readManagers),
    tagRoutes: readTagRoutes(dump, listeners),
    refused,
    staticClusters: namesOf(listAt(clusters, "static_clusters")),
    otherClusters: namesOf([
      ...listAt(clusters, "dynamic_active_clusters"),
      ...listAt(clusters, "dynamic_warming_clusters"),
    ]),
    discovered: new Map(found),
  };
}

/** The managers a request may meet that have the filter. */
export const managersWith = ({ managers }: DumpedProxy, filter: string): Manager[] =>
  managers.filter(({ filters }) => filters.some((each) => each["name"] === filter));

/** The filter's entries in all chains. */
export const entriesOf = (proxy: DumpedProxy, filter: string): Json[] =>
  managersWith(proxy, filter).flatMap(({ filters }) =>
    filters.filter((each) => each["name"] === filter),
  );

/** Numbers of Envoy's /stats, by name. */
export type Stats = ReadonlyMap<string, number>;

export function readStats(text: string): Stats {
  const pairs = text.split("\n").flatMap((line) => {
    const [, name = "", value] = /^(\S.*?): (\d+)$/.exec(line.trim()) ?? [];
    return value === undefined ? [] : [[name, Number(value)] as const];
  });
  return new Map(pairs);
}
