// What the control service says of this proxy.
import type { ProxyView, StatusView } from "../api/views.ts";
import type { DumpedProxy } from "./dump.ts";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";

const SERVICE_CHECKS = ["seen", "table", "nacks", "records", "loss"] as const;
/** Envoy keeps entries back for a second, and a quiet proxy has none. */
const SILENT_MS = 60_000;

/** Of a service that shows all proxies, the one whose dump this is. */
function findRow(status: StatusView, proxy: DumpedProxy | null): ProxyView | null {
  if (proxy) return status.proxies.find(({ node }) => node === proxy.node) ?? null;
  return status.proxies.length === 1 ? (status.proxies[0] ?? null) : null;
}

function checkSeen(row: ProxyView | null, status: StatusView, proxy: DumpedProxy | null): Finding {
  const check = "seen";
  const who = proxy ? `the proxy ${proxy.node || "(no node id)"}` : "one proxy";
  if (!row) {
    const seen = `the service knows ${status.proxies.length} proxies, not ${who}`;
    const todo =
      "is it this service the proxy asks (--server)? see the checks source and connection";
    return fail(check, seen, todo);
  }
  if (row.connected) return ok(check, `${row.node} is connected`);
  return fail(check, `${row.node} is known and not connected`, "see the check connection");
}

const SERVES = "name one of role serve by --server";
const COLLECTS = "name one of role collect by --server";

function checkTable(row: ProxyView, status: StatusView): Finding {
  const check = "table";
  const wanted = `wanted ${status.tableDigest} serial ${status.serial}`;
  if (row.acked !== status.resourceDigest) {
    const seen = `the proxy ACKed resource ${row.acked ?? "none"}, not ${status.resourceDigest}`;
    return fail(check, seen, `${wanted}: look at the check nacks, then "limen history"`);
  }
  if (row.tableDigest === null && status.role === "serve") return ok(check, `ACKed, ${wanted}`);
  if (row.tableDigest === null) {
    return warn(check, `ACKed, ${wanted}; no record says so yet`, "send a request and ask again");
  }
  if (row.tableDigest !== status.tableDigest) {
    const seen = `records name ${row.tableDigest}, ${wanted}`;
    const todo =
      "send a request and ask again; if it stays, the filter runs another table than Envoy ACKed: restart that proxy";
    return warn(check, seen, todo);
  }
  return ok(check, `records name the table that is ${wanted}`);
}

function checkNacks(row: ProxyView): Finding {
  const check = "nacks";
  if (row.nacked.length === 0) return ok(check, "it refused none of the service's tables");
  const seen = `it refused ${row.nacked.join(", ")}`;
  return warn(check, seen, 'it serves the last good one; "limen history" says why');
}

function checkRecords(row: ProxyView, { role }: StatusView, now: number): Finding {
  const check = "records";
  if (role === "serve") return skip(check, "records go to processes that collect", COLLECTS);
  if (row.lastRecordAt === null) {
    const todo = "send a request; if none comes, see access-log and the address of limen_als";
    return warn(check, "no record of this proxy has arrived since the service started", todo);
  }
  const age = Math.max(0, now - row.lastRecordAt);
  const seen = `the last record came ${Math.round(age / 1_000)} s ago`;
  if (age <= SILENT_MS) return ok(check, seen);
  return warn(check, seen, "is there traffic? if so see access-log, dropped and alive");
}

/** Only one process with all records knows which are missing: see `limen status`. */
function checkLoss({ log, role }: StatusView): Finding {
  const check = "loss";
  const { decisions, lost, lostAtMost, dropped, appended } = log;
  if (role === "collect") {
    if (dropped === 0) return ok(check, `it dropped none of ${appended} events`);
    const todo = "is the event log away or slow? see the service's log";
    return warn(check, `it dropped ${dropped} events; ${appended} are in the log`, todo);
  }
  if (role !== "all" || lost === null)
    return skip(check, `a process of role ${role} does not know it`, COLLECTS);
  if (lost + dropped === 0) return ok(check, `none of ${decisions} decisions is missing`);
  const most = lostAtMost ? "at most " : "";
  const seen = `${most}${lost} records lost on the way and ${dropped} dropped, of ${decisions + lost}`;
  return warn(check, seen, "rates are counted from what came; see dropped, and the service's log");
}

/** All of it; without a service every check is skipped with the same word. */
export function checkService(
  status: StatusView | { down: string },
  proxy: DumpedProxy | null,
  now: number,
): Finding[] {
  if ("down" in status) {
    const first = fail(
      "service",
      status.down.split("; ")[0] ?? "",
      'start it with "limen run", or name it by --server',
    );
    return [first, ...SERVICE_CHECKS.map((check) => skip(check, "the service did not answer", ""))];
  }
  const state = status.state === "off" ? "off: base state everywhere" : "live";
  const role = status.role === "all" ? "" : ` role ${status.role},`;
  const answers = `answers, version ${status.version},${role} ${state}`;
  const first =
    status.state === "off"
      ? warn("service", answers, '"limen on" ends it')
      : ok("service", answers);
  const row = findRow(status, proxy);
  const isElsewhere = status.role === "collect" || status.role === "learn";
  const seen = isElsewhere
    ? skip("seen", `a process of role ${status.role} serves no proxies`, SERVES)
    : checkSeen(row, status, proxy);
  const findings = [first, seen];
  if (!row) {
    const rest = SERVICE_CHECKS.filter((check) => check !== "seen" && check !== "loss");
    return [...findings, ...rest.map((check) => skip(check, "see seen", "")), checkLoss(status)];
  }
  const own = [checkTable(row, status), checkNacks(row), checkRecords(row, status, now)];
  return [...findings, ...own, checkLoss(status)];
}
