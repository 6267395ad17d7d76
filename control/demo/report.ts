import * as limit from "../../models/limits.ts";
import type { CutView } from "../api/views.ts";
import { boundOnce, lowerBoundOnce } from "../learn/certify/clopper-pearson.ts";
import type { Judged } from "./ledger.ts";
import { COSTS, RATE } from "./plan.ts";
import { ROUTES, type Route } from "./traffic/request.ts";

/** What one cut does to the requests of a route in a period. */
export type CutOutcome = {
  /** As a score; null tags nothing. */
  cut: number | null;
  /** Share of the legitimate requests at or above the cut, with its 95% interval. */
  fpr: number | null;
  fprLow: number | null;
  fprHigh: number | null;
  /** Share of the bots; null without bots or without a cut. */
  recall: number | null;
  /** Cost of its false positives and misses for 1,000 requests of the route. */
  cost: number | null;
};
export const CUTS = ["hand", "stale", "learned"] as const;
export type CutName = (typeof CUTS)[number];
export type PeriodOutcome = Record<CutName, CutOutcome>;
export const PERIODS = ["before", "after"] as const;
export type Period = (typeof PERIODS)[number];
export type RouteOutcome = Record<Period, PeriodOutcome>;

/** Requests of a route under one cut, counted. */
type Counts = { requests: number; people: number; bots: number; fp: number; hits: number };

export function countOutcome(decisions: readonly Judged[], bin: number): Counts {
  const counts = { requests: decisions.length, people: 0, bots: 0, fp: 0, hits: 0 };
  for (const decision of decisions) {
    const isHit = decision.bin >= bin;
    if (decision.bot) {
      counts.bots += 1;
      if (isHit) counts.hits += 1;
    } else {
      counts.people += 1;
      if (isHit) counts.fp += 1;
    }
  }
  return counts;
}

/** What false positives and misses cost, not divided by anything. */
export const costOf = (route: Route, { fp, bots, hits }: Counts): number =>
  fp * COSTS[route].fp + (bots - hits) * COSTS[route].miss;

/** Risk on each side of a shown interval. */
const SIDE_RISK = 0.025;

function weigh(route: Route, decisions: readonly Judged[], cut: CutView): CutOutcome {
  const counts = countOutcome(decisions, cut.bin);
  const { requests, people, bots, fp, hits } = counts;
  const isNone = cut.bin >= limit.CUT_NONE;
  return {
    cut: isNone ? null : cut.score,
    fpr: people === 0 ? null : fp / people,
    fprLow: people === 0 ? null : lowerBoundOnce(fp, people, SIDE_RISK),
    fprHigh: people === 0 ? null : boundOnce(fp, people, SIDE_RISK),
    recall: bots === 0 || isNone ? null : hits / bots,
    cost: requests === 0 ? null : (1000 * costOf(route, counts)) / requests,
  };
}

/** Cuts of one kind by route. */
export type RouteCuts = Readonly<Record<Route, CutView>>;
/** The cuts of each kind; the learned one is the last one of its period. */
export type CutsOf = Readonly<Record<Period, Readonly<Record<CutName, RouteCuts>>>>;
export type Periods = Readonly<Record<Period, readonly Judged[]>>;

const ofRoute = (decisions: readonly Judged[], route: Route): Judged[] =>
  decisions.filter((decision) => decision.route === route);

/** The same requests under the hand-set, the stale and the learned cut; by route and period. */
export function compareCuts(periods: Periods, cuts: CutsOf): Record<Route, RouteOutcome> {
  const outcome = (route: Route, period: Period): PeriodOutcome => {
    const own = ofRoute(periods[period], route);
    const under = (name: CutName): CutOutcome => weigh(route, own, cuts[period][name][route]);
    return { hand: under("hand"), stale: under("stale"), learned: under("learned") };
  };
  const rows = ROUTES.map((route) => [
    route,
    { before: outcome(route, "before"), after: outcome(route, "after") },
  ]);
  return Object.fromEntries(rows) as Record<Route, RouteOutcome>;
}

/** Cost for 1,000 requests of all routes together; null without requests. */
export function costPerThousand(decisions: readonly Judged[], cuts: RouteCuts): number | null {
  if (decisions.length === 0) return null;
  const sum = ROUTES.reduce((all, route) => {
    const counts = countOutcome(ofRoute(decisions, route), cuts[route].bin);
    return all + costOf(route, counts);
  }, 0);
  return (1000 * sum) / decisions.length;
}

/** Recall of the best cut that keeps the empirical false positive rate; null without bots. */
export function bestRecall(decisions: readonly Judged[], rate = RATE): number | null {
  const bots = decisions.filter(({ bot }) => bot).length;
  if (bots === 0) return null;
  const allowed = rate * (decisions.length - bots);
  let [fp, hits, best] = [0, 0, 0];
  const byBin = [...Map.groupBy(decisions, ({ bin }) => bin)].sort(([a], [b]) => b - a);
  for (const [, own] of byBin) {
    const caught = own.filter(({ bot }) => bot).length;
    fp += own.length - caught;
    if (fp > allowed) break;
    hits += caught;
    best = hits;
  }
  return best / bots;
}

/** Risk of the lower bound that a false positive rate is judged by. */
const JUDGE_RISK = 0.01;

export type Judgement = {
  route: Route;
  period: Period;
  /** One-sided lower 99% bound of the false positive rate under the learned cut. */
  fprLower: number;
  recall: number | null;
  bestRecall: number | null;
};

/** What the conditions ask of each route and period under its learned cut. */
export function judgeRoutes(periods: Periods, cuts: CutsOf): Judgement[] {
  return ROUTES.flatMap((route) =>
    PERIODS.map((period): Judgement => {
      const own = ofRoute(periods[period], route);
      const { people, fp, bots, hits } = countOutcome(own, cuts[period].learned[route].bin);
      return {
        route,
        period,
        fprLower: lowerBoundOnce(fp, people, JUDGE_RISK),
        recall: bots === 0 ? null : hits / bots,
        bestRecall: bestRecall(own),
      };
    }),
  );
}
