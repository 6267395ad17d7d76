import * as limit from "../../models/limits.ts";
import type { CohortHistogram } from "../learn/alert.ts";
import { type Alarm, type Breaker, noteDecision, openBreaker } from "../learn/certify/breaker.ts";
import { boundOnce } from "../learn/certify/clopper-pearson.ts";
import { countAll, countAtOrAbove, mergeHistograms } from "../learn/histogram.ts";
import type { Tracked, Tracking } from "./certified.ts";
import type { CertifySettings } from "./certifying.ts";

/** Confidence of the upper bound that stands for the tagged share when cuts were certified. */
const SHARE_RISK = 0.05;

function histogramOf(cohorts: readonly CohortHistogram[], segment: string) {
  return mergeHistograms(cohorts.flatMap(({ segments }) => segments.get(segment) ?? []));
}

/** Watches the tagged share from the cuts that are live now; null when nothing is tagged. */
export function watchShares(
  settings: Pick<CertifySettings, "segments">,
  live: Readonly<Record<string, number>>,
  cohorts: readonly CohortHistogram[],
): Breaker | null {
  const watched = settings.segments.filter(
    (name) => (live[name] ?? limit.CUT_NONE) < limit.CUT_NONE,
  );
  const counts = watched.map((name) => {
    const all = histogramOf(cohorts, name);
    return { name, n: countAll(all), k: countAtOrAbove(all, live[name] ?? limit.CUT_NONE) };
  });
  const [k, n] = [
    counts.reduce((sum, one) => sum + one.k, 0),
    counts.reduce((sum, one) => sum + one.n, 0),
  ];
  if (n === 0) return null;
  const shares = counts
    .filter((one) => one.n > 0)
    .map((one): [string, number] => [one.name, boundOnce(one.k, one.n, SHARE_RISK)]);
  return openBreaker(boundOnce(k, n, SHARE_RISK), Object.fromEntries(shares));
}

type Cuts = (tag: string) => Readonly<Record<string, number>>;

function bookMoves(
  tracked: Tracked,
  before: ReturnType<Cuts>,
  after: ReturnType<Cuts>,
  now: number,
) {
  const moved = tracked.settings.segments.filter((name) => before[name] !== after[name]);
  for (const name of moved) {
    const bin = after[name] ?? limit.CUT_NONE;
    if (bin < (before[name] ?? limit.CUT_NONE)) tracked.lastLowered = now;
    if (bin < limit.CUT_NONE && tracked.certificates[name]?.certified) tracked.frontier[name] = bin;
  }
  return moved.length > 0;
}

/** Books what was pushed: the frontier, the time of a lower cut, a breaker for the new cuts. */
export function bookPushed(
  tracking: Tracking,
  model: string,
  cuts: { before: Cuts; after: Cuts },
  cohorts: readonly CohortHistogram[],
  now: number,
): void {
  for (const tracked of tracking.values()) {
    if (tracked.model !== model) continue;
    const [before, after] = [cuts.before(tracked.tag), cuts.after(tracked.tag)];
    tracked.live = after;
    if (!bookMoves(tracked, before, after, now)) continue;
    tracked.breaker = watchShares(tracked.settings, after, cohorts);
  }
}

/** One decision in log order; the alarm it sets off, with whose it is. */
export function noteScored(
  tracking: Tracking,
  model: string,
  segment: string,
  bin: number,
): { tracked: Tracked; alarm: Alarm } | null {
  for (const tracked of tracking.values()) {
    if (tracked.model !== model || !tracked.breaker) continue;
    const cut = tracked.live[segment] ?? limit.CUT_NONE;
    const alarm = noteDecision(tracked.breaker, segment, bin, cut);
    if (!alarm) continue;
    tracked.breaker = null;
    return { tracked, alarm };
  }
  return null;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** What an alarm says, for history and people. */
export function describeAlarm({ segment, decisions, tagged, share }: Alarm): string {
  const where = segment ?? "all segments";
  return `${where}: ${percent(tagged / decisions)} of ${decisions} decisions at or above the cut, ${percent(share)} when it was certified`;
}
