import { CUT_NONE } from "../../../models/limits.ts";
import { logE } from "./e-value.ts";

/** A new start every so many decisions, and how many of them are kept. */
export const START_INTERVAL = 100;
export const STARTS_MAX = 60;
/** Evidence that alarms. A start alarms wrongly with probability 1e-6 at most, ever. */
export const ALARM_E = 1e6;
/** Shares below it count as this one, as for steps: a share of 0 would alarm at its first tag. */
export const SHARE_MIN = 0.001;

/** One tagged share under watch. Plain JSON, so that a checkpoint can carry it. */
export type Watch = {
  /** Tagged share when the cuts were certified. */
  share: number;
  /** Decisions since the newest start, below START_INTERVAL but for the moment it is full. */
  newest: number;
  /** Tagged decisions of each stretch between starts, oldest first, newest last. */
  tagged: number[];
};

export type Breaker = { overall: Watch; segments: { [segment: string]: Watch } };

/** What alarmed: null is all segments together. Decisions and tagged ones since that start. */
export type Alarm = { segment: string | null; decisions: number; tagged: number; share: number };

function openWatch(share: number): Watch {
  return { share, newest: 0, tagged: [0] };
}

/** A breaker with nothing seen, for the shares at which cuts were certified. */
export function openBreaker(overall: number, segments: Readonly<Record<string, number>>): Breaker {
  const watches = Object.entries(segments).map(([name, share]) => [name, openWatch(share)]);
  return { overall: openWatch(overall), segments: Object.fromEntries(watches) };
}

/** log of the best likelihood ratio any mixture over higher shares can reach: E is below it. */
function logRatioMax(tagged: number, n: number, share: number): number {
  const seen = tagged / n;
  if (seen <= share) return 0;
  const rest = seen < 1 ? (n - tagged) * Math.log((1 - seen) / (1 - share)) : 0;
  return tagged * Math.log(seen / share) + rest;
}

/**
 * Whether `tagged` of n decisions show more than twice a share: E(untagged, n, 1 - 2 share) against
 * ALARM_E. A share of a half or more cannot double, so it never alarms.
 */
export function showsDouble(tagged: number, n: number, share: number): boolean {
  const double = 2 * Math.max(share, SHARE_MIN);
  if (n === 0 || double >= 1) return false;
  const wanted = Math.log(ALARM_E);
  if (logRatioMax(tagged, n, double) < wanted) return false;
  return logE(n - tagged, n, 1 - double) >= wanted;
}

/** Adds a decision; the newest start that alarms, or null. */
function noteWatch(watch: Watch, isTagged: boolean): { decisions: number; tagged: number } | null {
  if (watch.newest === START_INTERVAL) {
    watch.tagged.push(0);
    if (watch.tagged.length > STARTS_MAX) watch.tagged.shift();
    watch.newest = 0;
  }
  const last = watch.tagged.length - 1;
  watch.newest++;
  // An untagged decision lowers E at every start.
  if (!isTagged) return null;
  watch.tagged[last] = (watch.tagged[last] ?? 0) + 1;
  let [decisions, tagged] = [watch.newest, 0];
  for (let start = last; start >= 0; start--) {
    tagged += watch.tagged[start] ?? 0;
    if (showsDouble(tagged, decisions, watch.share)) return { decisions, tagged };
    decisions += START_INTERVAL;
  }
  return null;
}

/**
 * Adds one decision of any arm, in log order, and gives the alarm it sets off. A decision under a
 * cut of none is passed over; a segment that is not watched counts in the overall share only.
 */
export function noteDecision(
  breaker: Breaker,
  segment: string,
  bin: number,
  cut: number,
): Alarm | null {
  if (cut === CUT_NONE) return null;
  const isTagged = bin >= cut;
  const own = Object.hasOwn(breaker.segments, segment) ? breaker.segments[segment] : undefined;
  const inSegment = own ? noteWatch(own, isTagged) : null;
  const inAll = noteWatch(breaker.overall, isTagged);
  if (inSegment && own) return { segment, ...inSegment, share: own.share };
  return inAll && { segment: null, ...inAll, share: breaker.overall.share };
}
