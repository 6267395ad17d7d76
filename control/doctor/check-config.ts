// What the configuration of a proxy shows.
import type { Json } from "../envoy/json.ts";
import { type DumpedProxy, entriesOf, type Manager, managersWith, WASM } from "./dump.ts";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";
import { at, isOfType, listAt, textAt } from "./json.ts";

const ROUTER = "envoy.filters.http.router";
const README = "see envoy/README.md, or istio/README.md in a mesh";
const BUFFER_BYTES_MIN = 262_144;
const GRPC_LOG = "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig";
/** A header as clients may forge it; `_` counts as `-`. */
const FORGED = ["x-limen-bot", "X_Limen_Bot"];

const unique = (texts: readonly string[]): string => [...new Set(texts)].join(", ");
const listenersOf = (managers: readonly Manager[]): string =>
  unique(managers.map(({ listener }) => listener));

export function checkListeners({ refused }: DumpedProxy): Finding {
  const check = "listeners";
  if (refused.length === 0) return ok(check, "no update was refused");
  const [first] = refused;
  const seen = `Envoy refuses ${first?.listener}: ${first?.details}`;
  return fail(check, seen, `correct that listener; ${README}`);
}

const indexOf = (filters: readonly Json[], name: string): number =>
  filters.findIndex((each) => each["name"] === name);

export function checkFilter(proxy: DumpedProxy, filter: string): Finding {
  const check = "filter";
  const managers = managersWith(proxy, filter);
  if (managers.length === 0) {
    const all = `${proxy.managers.length} HTTP connection managers`;
    const todo = `put it into the chain, in front of the router: ${README}; another name by --filter`;
    return fail(check, `no filter "${filter}" in ${all}`, todo);
  }
  const behind = managers.filter(({ filters }) => {
    const router = filters.findIndex(
      (each) => each["name"] === ROUTER || isOfType(each["typed_config"], `${ROUTER}.v3.Router`),
    );
    return router >= 0 && indexOf(filters, filter) > router;
  });
  if (behind.length > 0) {
    const seen = `behind the router in ${listenersOf(behind)}: no request meets it`;
    return fail(check, seen, "move it in front of envoy.filters.http.router");
  }
  return ok(check, `in front of the router in ${listenersOf(managers)}`);
}

export function checkDefault(proxy: DumpedProxy, filter: string): Finding {
  const check = "default";
  const sources = entriesOf(proxy, filter).flatMap((each) => at(each, "config_discovery") ?? []);
  if (sources.length === 0) return skip(check, "the filter's configuration is not discovered", "");
  if (sources.some((each) => at(each, "default_config") === undefined)) {
    const seen = "no default_config: without the control service requests are answered with 500";
    return fail(check, seen, `add the default_config of an empty table: ${README}`);
  }
  if (sources.some((each) => at(each, "apply_default_config_without_warming") !== true)) {
    const seen = "a proxy waits for the control service before it serves";
    return warn(check, seen, "set apply_default_config_without_warming: true");
  }
  return ok(check, "base state until the first table");
}

type Source = { kind: "cluster" | "fine" | "unknown"; name: string };

function sourceOf(entry: Json): Source {
  const source = at(entry, "config_discovery", "config_source");
  if (source === undefined) return { kind: "fine", name: "a fixed table, no control service" };
  if (at(source, "path_config_source") !== undefined || textAt(source, "path") !== "") {
    return { kind: "fine", name: "a file, no control service" };
  }
  if (at(source, "ads") !== undefined) return { kind: "fine", name: "the proxy's own ADS" };
  const [service] = listAt(source, "api_config_source", "grpc_services");
  const target = textAt(service, "google_grpc", "target_uri");
  if (target !== "") return { kind: "fine", name: `gRPC's own client to ${target}` };
  const name = textAt(service, "envoy_grpc", "cluster_name");
  return { kind: name === "" ? "unknown" : "cluster", name };
}

export function checkSource(proxy: DumpedProxy, filter: string): Finding {
  const check = "source";
  const sources = entriesOf(proxy, filter).map(sourceOf);
  if (sources.length === 0) return skip(check, `no filter "${filter}"`, "");
  const wrong = sources.find(
    ({ kind, name }) =>
      kind === "unknown" || (kind === "cluster" && !proxy.staticClusters.has(name)),
  );
  if (!wrong) {
    return ok(check, `tables come by ${unique(sources.map(({ name }) => name))}`);
  }
  if (wrong.kind === "unknown") {
    return fail(check, "a config_source that names nobody", `name a static cluster: ${README}`);
  }
  const how = proxy.otherClusters.has(wrong.name) ? "comes by CDS" : "does not exist";
  const todo = "put it into static_resources of the bootstrap; Envoy refuses any other";
  return fail(check, `the cluster ${wrong.name} ${how}`, todo);
}

/** Envoy matches the whole name. `(?i)` is RE2's, and JavaScript has it as a flag. */
function matches(regex: string, header: string): boolean {
  const isFolded = regex.startsWith("(?i)");
  try {
    const body = isFolded ? regex.slice("(?i)".length) : regex;
    return new RegExp(`^(?:${body})$`, isFolded ? "i" : "").test(
      isFolded ? header : header.toLowerCase(),
    );
  } catch {
    return false;
  }
}

function removes(mutation: Json, header: string): boolean {
  if (textAt(mutation, "remove").toLowerCase() === header.toLowerCase()) return true;
  const matcher = at(mutation, "remove_on_match", "key_matcher");
  const prefix = textAt(matcher, "prefix");
  if (prefix !== "") {
    const isFolded = at(matcher, "ignore_case") === true;
    const lower = header.toLowerCase();
    return lower.startsWith(isFolded ? prefix.toLowerCase() : prefix);
  }
  const regex = textAt(matcher, "safe_regex", "regex");
  return regex !== "" && matches(regex, header);
}

export function checkForged(proxy: DumpedProxy, filter: string): Finding {
  const check = "forged";
  const managers = managersWith(proxy, filter);
  if (managers.length === 0) return skip(check, `no filter "${filter}"`, "");
  const open = managers.filter(({ earlyMutations }) => {
    const mutations = earlyMutations.flatMap((each) => listAt(each, "typed_config", "mutations"));
    return !FORGED.every((header) => mutations.some((each) => removes(each, header)));
  });
  if (open.length === 0) return ok(check, "x-limen-* is removed before the route is chosen");
  const seen = `${listenersOf(open)}: nothing native removes x-limen-* before the route is chosen`;
  const todo =
    "add early_header_mutation_extensions, or a client's own tag is believed while the filter is dead; with trust: mesh it is meant";
  return warn(check, seen, todo);
}

/** Plugins by VM id: name and root, from chains, defaults and what was pushed. */
function listPlugins(proxy: DumpedProxy): { vm: string; name: string; filter: string }[] {
  const chained = proxy.managers.flatMap(({ filters }) =>
    filters.flatMap((each) => [
      { filter: textAt(each, "name"), config: at(each, "typed_config") },
      { filter: textAt(each, "name"), config: at(each, "config_discovery", "default_config") },
    ]),
  );
  const pushed = [...proxy.discovered].map(([filter, { config }]) => ({ filter, config }));
  return [...chained, ...pushed]
    .filter(({ config }) => isOfType(config, WASM))
    .map(({ filter, config }) => ({
      filter,
      vm: textAt(config, "config", "vm_config", "vm_id"),
      name: textAt(config, "config", "root_id") || textAt(config, "config", "name"),
    }));
}

export function checkVm(proxy: DumpedProxy, filter: string): Finding {
  const check = "vm";
  const plugins = listPlugins(proxy);
  const own = new Set(plugins.filter((each) => each.filter === filter).map(({ vm }) => vm));
  if (own.size === 0) return skip(check, `no plugin of "${filter}" in the dump`, "");
  const guests = plugins.filter((each) => each.filter !== filter && own.has(each.vm));
  if (guests.length > 0) {
    const seen = `vm_id "${guests[0]?.vm}" is also that of ${unique(guests.map((each) => each.filter))}`;
    return fail(
      check,
      seen,
      "give each plugin a vm_id of its own: they share one VM, and its traps",
    );
  }
  if (own.size > 1) {
    const seen = `default and push name different VMs: ${[...own].join(", ")}`;
    return warn(check, seen, "give default_config the vm_id limen: else each push starts a new VM");
  }
  return ok(check, `vm_id "${[...own][0]}" is its own`);
}

const isOurLog = (log: Json): boolean => {
  const common = at(log, "typed_config", "common_config");
  const states = at(common, "filter_state_objects_to_log");
  return Array.isArray(states) && states.includes("wasm.limen");
};

const bufferOf = (log: Json): number => {
  const bytes = at(log, "typed_config", "common_config", "buffer_size_bytes");
  // Without the field Envoy takes 16 KiB; 64-bit numbers may stand as text.
  return bytes === undefined ? 16_384 : Number(bytes);
};

export function checkAccessLog(proxy: DumpedProxy, filter: string): Finding {
  const check = "access-log";
  const managers = managersWith(proxy, filter);
  if (managers.length === 0) return skip(check, `no filter "${filter}"`, "");
  const logs = managers.map(({ accessLogs }) =>
    accessLogs.filter((each) => isOfType(each["typed_config"], GRPC_LOG)),
  );
  const missing = managers.filter((_, index) => !logs[index]?.some(isOurLog));
  if (missing.length > 0) {
    const isThere = missing.some(({ accessLogs }) =>
      accessLogs.some((each) => isOfType(each["typed_config"], GRPC_LOG)),
    );
    const seen = isThere
      ? `${listenersOf(missing)}: the gRPC access log does not carry the filter state wasm.limen`
      : `${listenersOf(missing)}: no gRPC access log`;
    const todo = `nothing is recorded or learned; add http_grpc with filter_state_objects_to_log: [wasm.limen]: ${README}`;
    return fail(check, seen, todo);
  }
  const smallest = Math.min(...logs.flat().filter(isOurLog).map(bufferOf));
  if (smallest < BUFFER_BYTES_MIN) {
    const seen = `its buffer is ${smallest} bytes`;
    const todo = `set buffer_size_bytes to ${BUFFER_BYTES_MIN} or more: Envoy drops what does not fit (Istio's provider has no field for it)`;
    return warn(check, seen, todo);
  }
  return ok(check, `carries wasm.limen, buffer ${smallest} bytes`);
}
