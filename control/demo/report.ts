import type { CutView } from "../api/views.ts";
import { type Judged, shareAbove } from "./ledger.ts";
import { ROUTES, type Route } from "./traffic/request.ts";

/** What one cut does to the requests of a route; shares of what is known, null without any. */
export type CutOutcome = {
  /** As a score. */
  cut: number | null;
  /** Share of all requests. */
  tagged: number | null;
  /** Share of the legitimate ones. */
  fpr: number | null;
  /** Share of the bots. */
  recall: number | null;
};
export type RouteOutcome = { requests: number; hand: CutOutcome; learned: CutOutcome };

function weigh(decisions: readonly Judged[], cut: CutView, binOf: (of: Judged) => number) {
  const hit = ({ bin, ...rest }: Judged): boolean => bin !== null && bin >= binOf({ bin, ...rest });
  const share = (of: readonly Judged[]): number | null =>
    of.length === 0 ? null : of.filter(hit).length / of.length;
  return {
    cut: cut.score,
    tagged: share(decisions),
    fpr: share(decisions.filter(({ bot }) => !bot)),
    recall: share(decisions.filter(({ bot }) => bot)),
  };
}

/** The same decisions under a fixed cut and under the cut each of them met; by route. */
export function compareCuts(
  decisions: readonly Judged[],
  hand: CutView,
): Partial<Record<Route, RouteOutcome>> {
  const rows = ROUTES.flatMap((route) => {
    const own = decisions.filter((decision) => decision.route === route);
    const last = own.at(-1);
    if (!last) return [];
    const outcome: RouteOutcome = {
      requests: own.length,
      hand: weigh(own, hand, () => hand.bin),
      learned: weigh(own, last.cut, ({ cut }) => cut.bin),
    };
    return [[route, outcome] as const];
  });
  return Object.fromEntries(rows);
}

/** Decisions a phase is judged by, from its end backwards. */
export const SHARE_DECISIONS = 3_000;
/** How far the share may be off the objective. */
export const SHARE_TOLERANCE = 0.25;
/** A share that is off by exactly the tolerance passes whatever its last binary digit. */
const ROUNDING = 1e-9;

/** Share at or above the cut over the last decisions before a phase ends; log order decides. */
export function shareAtEnd(decisions: readonly Judged[], phase: string): number | null {
  const end = decisions.findLastIndex((decision) => decision.phase === phase) + 1;
  const before = decisions.slice(0, end).filter(({ bin }) => bin !== null);
  return shareAbove(before.slice(-SHARE_DECISIONS));
}

export const isNear = (share: number | null, objective: number): boolean =>
  share !== null && Math.abs(share - objective) <= SHARE_TOLERANCE * objective + ROUNDING;

export type Verdict = {
  failed: number;
  unscored: number;
  rerouted: number;
  ackedPushes: number;
  /** By phase. */
  shares: Readonly<Record<string, number | null>>;
  objective: number;
};

const REROUTED_MINIMUM = 100;
const PUSHES_MINIMUM = 2;

/** What keeps the demo from having worked, one line each; empty when it worked. */
export function listFailures(verdict: Verdict): string[] {
  const { failed, unscored, rerouted, ackedPushes, shares, objective } = verdict;
  const percent = (share: number | null): string =>
    share === null ? "unknown" : `${(share * 100).toFixed(1)}%`;
  const lines: string[] = [];
  if (failed > 0) lines.push(`${failed} requests failed, 0 may`);
  if (unscored > 0) lines.push(`${unscored} requests were unscored, 0 may be`);
  if (rerouted < REROUTED_MINIMUM) {
    lines.push(
      `${rerouted} requests were re-routed by a learned tag, at least ${REROUTED_MINIMUM} must be`,
    );
  }
  if (ackedPushes < PUSHES_MINIMUM) {
    lines.push(`${ackedPushes} learned pushes were ACKed, at least ${PUSHES_MINIMUM} must be`);
  }
  for (const [phase, share] of Object.entries(shares)) {
    if (!isNear(share, objective)) {
      const bound = `within ${SHARE_TOLERANCE * 100}% of ${percent(objective)}`;
      lines.push(`${phase}: ${percent(share)} of decisions at or above the cut, must be ${bound}`);
    }
  }
  return lines;
}
