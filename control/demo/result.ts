import type { CutView, DecisionView, StatusView } from "../api/views.ts";
import type { Outage } from "./acts.ts";
import { judgeDecisions, type Ledger, shareAbove } from "./ledger.ts";
import { OBJECTIVE, type PhaseName } from "./plan.ts";
import type { Push } from "./pushes.ts";
import {
  compareCuts,
  listFailures,
  type RouteOutcome,
  shareAtEnd,
  type Verdict,
} from "./report.ts";
import type { Route } from "./traffic/request.ts";

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
  outage: Outage;
  /** Requests under a learned cut, judged by the hand-set and by the learned one. */
  routes: Partial<Record<Route, RouteOutcome>>;
  /** Share at or above the cut before each phase ends, and under the hand-set cut. */
  shares: Record<string, number | null>;
  handShare: number | null;
  objective: number;
  cpuUsPerRequest: number | null;
  envoy: string;
  filterBytes: number;
  tableBytes: number | null;
  seconds: number;
  /** Why the exit code is 1; empty otherwise. */
  failures: string[];
};

/** What the parts of the demo measured outside the ledger. */
export type Measured = Pick<
  DemoResult,
  "seed" | "cpuUsPerRequest" | "envoy" | "filterBytes" | "tableBytes" | "seconds" | "outage"
> & { hand: CutView; pushes: Push[]; status: StatusView | null };

/** Phases that end under a learned cut. */
const JUDGED: readonly PhaseName[] = ["learned", "doubled", "outage"];

const isUnscored = ({ status, reason }: DecisionView): boolean =>
  status === "unscored" || /^no[-_ ]?table$/.test(reason);

/** The report as a value. */
export function buildResult(ledger: Ledger, measured: Measured): DemoResult {
  const { hand, pushes, status, ...rest } = measured;
  const judged = judgeDecisions(ledger);
  const learned = judged.filter(({ cut }) => cut.source === "learned");
  const shares = Object.fromEntries(JUDGED.map((phase) => [phase, shareAtEnd(judged, phase)]));
  const verdict: Verdict = {
    failed: ledger.sent.filter(({ ok }) => !ok).length,
    unscored: ledger.decisions.filter(isUnscored).length,
    rerouted: ledger.sent.filter(({ upstream, tag }) => upstream === "robots" && tag === "bot")
      .length,
    ackedPushes: pushes.filter(({ learned: own, acked }) => own && acked).length,
    shares,
    objective: OBJECTIVE,
  };
  const { failed, unscored, rerouted } = verdict;
  return {
    ...rest,
    requests: ledger.sent.length,
    failed,
    unscored,
    rerouted,
    loss: status?.log.lost ?? 0,
    pushes,
    routes: compareCuts(learned, hand),
    shares,
    handShare: shareAbove(learned, hand.bin),
    objective: OBJECTIVE,
    failures: listFailures(verdict),
  };
}
