import type { DemoResult } from "./result.ts";
import type { Screen } from "./screen.ts";
import type { Stand } from "./stand.ts";
import { formatComparison, formatCount, formatMs, formatShare } from "./text.ts";

const KIB = 1024;

function describePushes({ pushes }: DemoResult): string {
  const learned = pushes.filter((push) => push.learned && push.acked);
  const times = learned.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((a, b) => a - b);
  const slowest = times.at(-1) ?? null;
  return `${learned.length} learned cuts pushed and ACKed, the slowest in ${formatMs(slowest)}`;
}

/** The report for people. */
export function sayReport(screen: Screen, result: DemoResult): void {
  const { requests, failed, unscored, rerouted, loss, outage, shares, objective } = result;
  const held = Object.values(shares).map(formatShare).join(", ");
  const kib = (bytes: number | null): string =>
    bytes === null ? "unknown" : `${(bytes / KIB).toFixed(0)} KiB`;
  screen.say("");
  screen.say("5 Report: the same requests under the hand-set and under the learned cut.");
  for (const line of formatComparison(result.routes)) screen.say(`  ${line}`);
  const lines = [
    `${formatCount(requests)} requests: ${failed} failed, ${unscored} unscored, ${formatCount(rerouted)} re-routed by a learned tag`,
    `objective ${formatShare(objective)}: held ${held} at the end of each act; the hand-set cut would have been ${formatShare(result.handShare)}`,
    describePushes(result),
    `outage of ${outage.seconds.toFixed(1)} s: ${formatCount(outage.requests)} requests, ${outage.failed} failed; ${formatCount(loss)} decision records lost and counted`,
    `Envoy's CPU: ${result.cpuUsPerRequest ?? "unknown"} us a request, proxying included (control/demo/README.md: what of it is the filter)`,
    `filter ${kib(result.filterBytes)}, table ${kib(result.tableBytes)}; ${result.seconds} s in all`,
  ];
  screen.say("");
  for (const line of lines) screen.say(`  ${line}`);
  for (const failure of result.failures) screen.say(`  NOT MET: ${failure}`);
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
    `  curl -s '${url.origin}/login' -H 'x-partner-key: acme'      exempt: never tagged`,
    `  ${limen} get cuts`,
    `  ${limen} status -w`,
    `  ${limen} off      no tag anywhere, at once; "${limen} on" brings them back`,
    "Ctrl-C stops everything.",
  ];
  for (const line of lines) screen.say(line);
}
