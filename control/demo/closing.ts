import { AUDIT, COSTS } from "./plan.ts";
import type { DemoResult } from "./result.ts";
import type { Screen } from "./screen.ts";
import type { Stand } from "./stand.ts";
import { formatComparison, formatCount, formatMs } from "./text.ts";
import { ROUTES } from "./traffic/request.ts";

const KIB = 1024;

function describePushes({ pushes }: DemoResult): string {
  const learned = pushes.filter((push) => push.learned && push.acked);
  const times = learned.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((a, b) => a - b);
  const slowest = times.at(-1) ?? null;
  return `${learned.length} tables with new cuts pushed and ACKed, the safe side among them, the slowest in ${formatMs(slowest)}`;
}

const orDash = (value: number | null): string => (value === null ? "-" : formatCount(value));

function listLines(result: DemoResult): string[] {
  const { requests, failed, rerouted, loss, outage, cost, alarmAfter, relearnAfter } = result;
  const kib = (bytes: number | null): string =>
    bytes === null ? "unknown" : `${(bytes / KIB).toFixed(0)} KiB`;
  const down = outage
    ? `outage of ${outage.seconds.toFixed(1)} s: ${formatCount(outage.requests)} requests, ${outage.failed} failed; `
    : "";
  return [
    `${formatCount(requests)} requests: ${failed} failed, ${result.unscored} unscored, ${formatCount(rerouted)} re-routed by a learned tag`,
    `alarm ${orDash(alarmAfter)} decisions after the release, every route certified again after ${orDash(relearnAfter)}`,
    `cost of 1,000 requests after the release: ${orDash(cost.hand)} by hand, ${orDash(cost.stale)} stale, ${orDash(cost.learned)} learned`,
    describePushes(result),
    `${down}${formatCount(loss)} decision records lost and counted`,
    `Envoy's CPU: ${result.cpuUsPerRequest ?? "unknown"} us a request, proxying included (control/demo/README.md: what of it is the filter)`,
    `filter ${kib(result.filterBytes)}, table ${kib(result.tableBytes)}; ${result.seconds} s in all`,
  ];
}

/** The report for people. */
export function sayReport(screen: Screen, result: DemoResult): void {
  const { uncertifiable, routes, failures } = result;
  screen.say("");
  if (uncertifiable !== null) {
    screen.say(`Nothing can be certified from these labels: ${uncertifiable}.`);
    screen.say("An explicit source must label nearly all of what it is asked about; with holes it");
    screen.say("could hide the very requests that would be false positives. Nothing was tagged.");
    return;
  }
  const costs = ROUTES.map((route) => `${route} ${COSTS[route].fp}:${COSTS[route].miss}`);
  screen.say("5 Report: the same requests under each cut; people tagged with a 95% interval.");
  screen.say(
    "  Stale are the cuts that were live when the release came; learned are the last ones.",
  );
  screen.say(`  Cost of a false positive : a miss is ${costs.join(", ")}.`);
  for (const period of ["before", "after"] as const) {
    screen.say("");
    screen.say(`  ${period === "before" ? "Before" : "After"} the release`);
    for (const line of formatComparison(routes, period)) screen.say(`  ${line}`);
  }
  screen.say("");
  for (const line of listLines(result)) screen.say(`  ${line}`);
  for (const failure of failures) screen.say(`  NOT MET: ${failure}`);
}

/** What a person can do while the demo stays up. */
export function sayWhatToTry(screen: Screen, stand: Stand): void {
  const { url } = stand.proxy;
  const { server } = stand.control;
  const usual = server === "http://127.0.0.1:18001";
  const limen = usual ? "npx limen" : `npx limen --server ${server}`;
  const lines = [
    "",
    "Still running, with light traffic. In another terminal, in this folder:",
    `  curl -s '${url.origin}/login' -A 'python-requests/2.32.3'   a bot: tagged, answered by "robots"`,
    `      (not each time: ${AUDIT * 100}% of what would be tagged is let through, to be measured)`,
    `  ${limen} explain last   why the newest request was decided so`,
    `  ${limen} get cuts`,
    `  ${limen} status -w`,
    `  ${limen} off      no tag anywhere, at once; "${limen} on" brings them back`,
    "Ctrl-C stops everything.",
  ];
  for (const line of lines) screen.say(line);
}
