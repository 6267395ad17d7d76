// What a proxy counts.
import { type DumpedProxy, entriesOf, type Stats } from "./dump.ts";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";
import { at } from "./json.ts";

/** Istio puts its own prefix before some names, so the end decides. */
function sumOf(stats: Stats, end: string): number | null {
  const found = [...stats].filter(([name]) => name.endsWith(end));
  return found.length === 0 ? null : found.reduce((sum, [, value]) => sum + value, 0);
}

const ecds = (filter: string, name: string): string => `http_filter.${filter}.${name}`;
const isDiscovered = (proxy: DumpedProxy, filter: string): boolean =>
  entriesOf(proxy, filter).some((each) => at(each, "config_discovery") !== undefined);

export function checkVisible(stats: Stats, proxy: DumpedProxy, filter: string): Finding {
  const check = "stats";
  const names = [...stats.keys()];
  const hidden = [
    ...(isDiscovered(proxy, filter) && !names.some((name) => name.includes(ecds(filter, "")))
      ? ["extension_config_discovery"]
      : []),
    ...(names.some((name) => name.startsWith("wasmcustom.")) ? [] : ["wasmcustom"]),
  ];
  if (hidden.length === 0) return ok(check, "pushes and decisions are counted");
  const todo =
    "send a request first; in Istio show them by proxyStatsMatcher.inclusionPrefixes (limen install istio --mesh-config)";
  return warn(check, `nothing of ${hidden.join(" and ")} is shown`, todo);
}

/** Whether the proxy is connected to the control service right now. */
export function checkConnection(stats: Stats, proxy: DumpedProxy, filter: string): Finding {
  const check = "connection";
  if (!isDiscovered(proxy, filter)) return skip(check, "no table is discovered", "");
  const connected = sumOf(stats, ecds(filter, "control_plane.connected_state"));
  if (connected === null) return skip(check, "Envoy does not show it", "see the check stats");
  if (connected > 0) return ok(check, "connected to the control service");
  const failures = sumOf(stats, ecds(filter, "update_failure")) ?? 0;
  return fail(
    check,
    `not connected to the control service (${failures} tries failed)`,
    "start it, or correct the address in the proxy; requests are served meanwhile",
  );
}

export function checkRefused(stats: Stats, proxy: DumpedProxy, filter: string): Finding {
  const check = "refused";
  if (!isDiscovered(proxy, filter)) return skip(check, "no table is discovered", "");
  const rejected = sumOf(stats, ecds(filter, "update_rejected"));
  if (rejected === null) return skip(check, "Envoy does not show it", "see the check stats");
  const failed = sumOf(stats, ecds(filter, "config_fail")) ?? 0;
  const count = Math.max(rejected, failed);
  if (count === 0) return ok(check, "no push was refused since Envoy started");
  const todo = 'the last good table serves; "limen history" and Envoy\'s log say which and why';
  return warn(check, `${count} pushes were refused since Envoy started`, todo);
}

/** A filter that trapped is passed by without a word to the client. */
export function checkAlive(stats: Stats): Finding {
  const check = "alive";
  const failures = sumOf(stats, ".vm_reload_failure");
  const unscored = [...stats].filter(([name]) => /wasmcustom\..*decisions\./.test(name));
  if (failures === null && unscored.length === 0) {
    return skip(check, "Envoy shows no counter of the filter", "see the check stats");
  }
  const crashed = sumOf(stats, "wasm.envoy.wasm.runtime.v8.active") === 0;
  if (crashed || (failures ?? 0) > 0) {
    const seen = crashed ? "no VM runs" : `${failures} VMs did not come back`;
    return fail(check, seen, "read Envoy's log for the trap; any changed table starts a new VM");
  }
  const decisions = unscored.map(([name, value]) => `${value} ${name.split(".").at(-1)}`);
  return ok(check, decisions.length > 0 ? `decisions: ${decisions.join(", ")}` : "a VM runs");
}

export function checkDropped(stats: Stats): Finding {
  const check = "dropped";
  const dropped = sumOf(stats, "grpc_access_log.logs_dropped");
  if (dropped === null) return skip(check, "Envoy shows no gRPC access log", "see access-log");
  const lost = dropped + (sumOf(stats, "grpc_access_log.grpc_entries_flush_failed") ?? 0);
  if (lost === 0) return ok(check, "Envoy dropped no entry of the access log");
  const todo = "raise buffer_size_bytes, or see whether the control service is up and keeps up";
  return warn(check, `Envoy dropped ${lost} entries of the access log`, todo);
}
