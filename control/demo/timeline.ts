import type { HistoryView } from "../api/views.ts";
import type { Certified, Judged } from "./ledger.ts";
import { ROUTES } from "./traffic/request.ts";

/** Place of the first decision of the release in log order; all of them when there is none. */
export function findRelease(decisions: readonly Judged[]): number {
  const mark = decisions.findIndex(({ phase }) => phase === "release");
  return mark < 0 ? decisions.length : mark;
}

/** Decisions from a place on that were taken in by a time. */
export const countUntil = (decisions: readonly Judged[], from: number, at: number): number =>
  decisions.slice(from).filter((decision) => decision.at <= at).length;

export type Alarms = {
  before: number;
  /** Decisions from the release to the first alarm after it; null without one. */
  after: number | null;
};

/** The alarms of a run around its release. */
export function placeAlarms(
  decisions: readonly Judged[],
  events: readonly HistoryView[],
  release: number,
): Alarms {
  const at = decisions[release]?.at ?? Number.POSITIVE_INFINITY;
  const alarms = events.filter(({ what }) => what === "alarm");
  const first = alarms.find((alarm) => alarm.at >= at);
  return {
    before: alarms.filter((alarm) => alarm.at < at).length,
    after: first ? countUntil(decisions, release, first.at) : null,
  };
}

/** Routes that were not certified by then in an epoch with this kind of beginning. */
export const listUncertified = (
  certified: readonly Certified[],
  isOf: (found: Certified) => boolean,
): string[] =>
  ROUTES.filter((route) => !certified.some((found) => found.route === route && isOf(found)));

/** Decisions from the release until the last route was certified again; null when one was not. */
export function placeRelearn(
  decisions: readonly Judged[],
  certified: readonly Certified[],
  release: number,
): number | null {
  const again = certified.filter(({ cause }) => cause === "alarm");
  if (listUncertified(again, () => true).length > 0) return null;
  const times = ROUTES.map((route) => again.find((found) => found.route === route)?.at ?? 0);
  return countUntil(decisions, release, Math.max(...times));
}
