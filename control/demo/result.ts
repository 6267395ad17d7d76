import * as limit from "../../models/limits.ts";
import type { CutView, DecisionView, HistoryView, StatusView } from "../api/views.ts";
import type { Outage } from "./acts.ts";
import { type Judged, judgeDecisions, type Ledger } from "./ledger.ts";
import { drawPoints, type Points } from "./points.ts";
import type { Push } from "./pushes.ts";
import {
  type CutName,
  type CutsOf,
  compareCuts,
  costPerThousand,
  judgeRoutes,
  type Periods,
  type RouteCuts,
  type RouteOutcome,
} from "./report.ts";
import { findRelease, listUncertified, placeAlarms, placeRelearn } from "./timeline.ts";
import { ROUTES, type Route } from "./traffic/request.ts";
import { listFailures, type Verdict } from "./verdict.ts";

/** What `limen demo -o json` prints. */
export type DemoResult = {
  seed: number;
  requests: number;
  failed: number;
  unscored: number;
  rerouted: number;
  /** Decision records lost on the way, counted by gaps in their numbers. */
  loss: number;
  pushes: Push[];
  outage: Outage | null;
  /** What became of the labels, as the control service counts it. */
  labels: StatusView["labels"];
  /** Decisions from the release to the alarm, and until every route was certified again. */
  alarmAfter: number | null;
  relearnAfter: number | null;
  /** The same requests under each cut. */
  routes: Record<Route, RouteOutcome>;
  /** Cost for 1,000 requests after the release. */
  cost: Record<CutName, number | null>;
  cpuUsPerRequest: number | null;
  envoy: string;
  filterBytes: number;
  tableBytes: number | null;
  seconds: number;
  /** Why nothing can be certified from these labels; the run ended there. Null otherwise. */
  uncertifiable: string | null;
  /** Why the exit code is not 0; empty otherwise. */
  failures: string[];
};

/** What the parts of the demo measured outside the ledger. */
export type Measured = Pick<
  DemoResult,
  | "seed"
  | "cpuUsPerRequest"
  | "envoy"
  | "filterBytes"
  | "tableBytes"
  | "seconds"
  | "outage"
  | "uncertifiable"
> & {
  hand: CutView;
  pushes: Push[];
  status: StatusView | null;
  events: readonly HistoryView[];
};

const NO_CUT: CutView = { score: null, bin: limit.CUT_NONE, source: "none" };

/** The cut each route met last. */
function lastCuts(decisions: readonly Judged[]): RouteCuts {
  const last = (route: Route): CutView =>
    decisions.findLast((decision) => decision.route === route && decision.cut)?.cut ?? NO_CUT;
  return Object.fromEntries(ROUTES.map((route) => [route, last(route)])) as RouteCuts;
}

function chooseCuts(periods: Periods, hand: CutView): CutsOf {
  const byHand = Object.fromEntries(ROUTES.map((route) => [route, hand])) as RouteCuts;
  const stale = lastCuts(periods.before);
  const before = { hand: byHand, stale, learned: stale };
  return { before, after: { hand: byHand, stale, learned: lastCuts(periods.after) } };
}

const isUnscored = ({ status, reason }: DecisionView): boolean =>
  status === "unscored" || /^no[-_ ]?table$/.test(reason);

const isRerouted = ({ upstream, tag }: Ledger["sent"][number]): boolean =>
  upstream === "robots" && tag === "bot";

/** The report as a value, and the points of its picture. */
export function buildResult(
  ledger: Ledger,
  measured: Measured,
): { result: DemoResult; points: Points } {
  const { hand, pushes, status, events, ...rest } = measured;
  const judged = judgeDecisions(ledger);
  const release = findRelease(judged);
  const periods = { before: judged.slice(0, release), after: judged.slice(release) };
  const cuts = chooseCuts(periods, hand);
  const alarms = placeAlarms(judged, events, release);
  const relearnAfter = placeRelearn(judged, ledger.certified, release);
  const cost = (name: CutName): number | null => costPerThousand(periods.after, cuts.after[name]);
  const verdict: Verdict = {
    failed: ledger.sent.filter(({ ok }) => !ok).length,
    unscored: ledger.decisions.filter(isUnscored).length,
    rerouted: ledger.sent.filter(isRerouted).length,
    uncertified: {
      before: listUncertified(ledger.certified, ({ cause }) => cause === "first"),
      after: listUncertified(
        ledger.certified,
        // Of the epoch the run ended in: what was certified before another alarm is withdrawn.
        ({ cause, began }) => cause === "alarm" && began === status?.models[0]?.claims[0]?.began,
      ),
    },
    judged: judgeRoutes(periods, cuts),
    alarmsBefore: alarms.before,
    alarmAfter: alarms.after,
    relearnAfter,
    cost: { stale: cost("stale"), learned: cost("learned") },
  };
  const { failed, unscored, rerouted } = verdict;
  const { uncertifiable } = rest;
  const result = {
    ...rest,
    requests: ledger.sent.length,
    failed,
    unscored,
    rerouted,
    loss: status?.log.lost ?? 0,
    pushes,
    labels: status?.labels ?? null,
    alarmAfter: alarms.after,
    relearnAfter,
    routes: compareCuts(periods, cuts),
    cost: { hand: cost("hand"), stale: cost("stale"), learned: cost("learned") },
    failures: uncertifiable === null ? listFailures(verdict) : [uncertifiable],
  };
  return { result, points: drawPoints(judged, events, hand, release) };
}
