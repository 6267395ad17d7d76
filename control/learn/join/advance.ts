import { forgetBefore } from "./arrivals.ts";
import { releaseBefore } from "./held.ts";
import { expireWaiting } from "./labels.ts";
import { type HeldCohort, type JoinState, oldestNeeded } from "./state.ts";

/** Moves time on, never back: the cohorts that close by it, oldest first, are given to `close`. */
export function advance(join: JoinState, time: number, close: (cohort: HeldCohort) => void): void {
  if (time <= join.time) return;
  join.time = time;
  const { windowMs, cohortMs } = join.settings;
  expireWaiting(join, time);
  const last = Math.floor((time - windowMs) / cohortMs) - 1;
  if (join.open < 0 || last < join.open) return;
  for (const cohort of join.cohorts) {
    if (cohort.cohort >= join.open && cohort.cohort <= last) close(cohort);
  }
  join.open = last + 1;
  const needed = oldestNeeded(join);
  while ((join.cohorts[0]?.cohort ?? needed) < needed) join.cohorts.shift();
  releaseBefore(join.held, join.cohorts[0]?.first ?? join.held.end);
  forgetBefore(join.arrivals, join.skips, needed);
}
