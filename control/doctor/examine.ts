import type { StatusView } from "../api/views.ts";
import {
  checkAccessLog,
  checkDefault,
  checkFilter,
  checkForged,
  checkListeners,
  checkSource,
  checkVm,
} from "./check-config.ts";
import { checkService } from "./check-service.ts";
import {
  checkAlive,
  checkConnection,
  checkDropped,
  checkRefused,
  checkVisible,
} from "./check-stats.ts";
import type { DumpedProxy, Stats } from "./dump.ts";
import { type Finding, type FindingState, fail, skip } from "./finding.ts";
import { judgeProbe, type ProbeResult } from "./probe.ts";

/** As the examples and the manifests name it. */
export const DEFAULT_FILTER = "limen";

export type Evidence = {
  /** Name of the filter in the chain. */
  filter: string;
  /** Null: not asked for. `down`: asked for, and why there is nothing. */
  proxy: DumpedProxy | { down: string } | null;
  stats: Stats | null;
  status: StatusView | { down: string } | null;
  probe: ProbeResult | null;
  /** Milliseconds since 1970. */
  now: number;
};

const CONFIG = {
  listeners: checkListeners,
  filter: checkFilter,
  source: checkSource,
  default: checkDefault,
  vm: checkVm,
  forged: checkForged,
  "access-log": checkAccessLog,
} as const;
const STATS = {
  stats: checkVisible,
  connection: checkConnection,
  refused: checkRefused,
  alive: checkAlive,
  dropped: checkDropped,
} as const;

const skipAll = (checks: readonly string[], seen: string, todo: string): Finding[] =>
  checks.map((check) => skip(check, seen, todo));

function examineProxy(evidence: Evidence, proxy: DumpedProxy): Finding[] {
  const { filter, stats } = evidence;
  const config = Object.values(CONFIG).map((check) => check(proxy, filter));
  if (!stats) {
    return [...config, ...skipAll(Object.keys(STATS), "no statistics given", "give --stats FILE")];
  }
  return [
    ...config,
    checkVisible(stats, proxy, filter),
    checkConnection(stats, proxy, filter),
    checkRefused(stats, proxy, filter),
    checkAlive(stats),
    checkDropped(stats),
  ];
}

/** Everything that can be said of the evidence, in the order a request meets the parts. Pure. */
export function examine(evidence: Evidence): Finding[] {
  const { proxy, status, probe, now } = evidence;
  const isDown = proxy !== null && "down" in proxy;
  const dumped = proxy === null || isDown ? null : proxy;
  const checks = [...Object.keys(CONFIG), ...Object.keys(STATS)];
  const findings: Finding[] = [];
  if (isDown) {
    const todo = "name its admin interface by --admin, or a saved dump by --config-dump";
    findings.push(fail("proxy", proxy.down, todo), ...skipAll(checks, "see proxy", ""));
  } else if (dumped) {
    findings.push(...examineProxy(evidence, dumped));
  }
  if (status) findings.push(...checkService(status, dumped, now));
  if (probe) return [...findings, ...judgeProbe(probe, dumped?.tagRoutes ?? null)];
  if (proxy === null && status === null) return findings;
  return [
    ...findings,
    skip("probe", "no request was sent", "give --probe URL, the proxy's listener"),
  ];
}

const ORDER: readonly FindingState[] = ["fail", "warn", "skipped", "ok"];

/** The worst state; ok of nothing. */
export const worstOf = (findings: readonly Finding[]): FindingState =>
  ORDER.find((state) => findings.some((each) => each.state === state)) ?? "ok";
