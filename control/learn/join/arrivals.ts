/** When labels and heartbeats of each watched source came: what silence is worth. */
import { isWatched, type LabelSource } from "./sources.ts";

type Slot = { count: number; first: number; last: number; maxGapMs: number };
/** By source, then by intake time divided by the length of a cohort. */
export type Arrivals = Map<string, Map<number, Slot>>;

/** Labels that found no room, by slot. */
export type Skips = Map<number, number>;

export function noteArrival(
  arrivals: Arrivals,
  source: string,
  time: number,
  cohortMs: number,
  isLabel: boolean,
): void {
  const slots = arrivals.get(source) ?? new Map<number, Slot>();
  arrivals.set(source, slots);
  const number = Math.floor(time / cohortMs);
  const slot = slots.get(number);
  const more = isLabel ? 1 : 0;
  if (slot) {
    slot.maxGapMs = Math.max(slot.maxGapMs, time - slot.last);
    slot.last = time;
    slot.count += more;
  } else {
    slots.set(number, { count: more, first: time, last: time, maxGapMs: 0 });
  }
}

export function forgetBefore(arrivals: Arrivals, skips: Skips, number: number): void {
  for (const slots of arrivals.values()) {
    for (const old of slots.keys()) if (old < number) slots.delete(old);
  }
  for (const old of skips.keys()) if (old < number) skips.delete(old);
}

const EMPTY: ReadonlyMap<number, Slot> = new Map();
const seconds = (ms: number): string => `${Number((ms / 1_000).toFixed(3))} s`;

/** The longest time without a word within [from, to), both counted as words. */
function longestGap(slots: readonly Slot[], from: number, to: number): number {
  let [last, longest] = [from, 0];
  for (const slot of slots) {
    longest = Math.max(longest, slot.first - last, slot.maxGapMs);
    last = slot.last;
  }
  return Math.max(longest, to - last);
}

function judgeSource(source: LabelSource, slots: readonly Slot[], from: number, to: number) {
  const { name, heartbeatMs, minPerMs } = source;
  const gap = longestGap(slots, from, to);
  if (heartbeatMs !== null && gap > heartbeatMs) {
    return `${name} was silent for ${seconds(gap)}, its heartbeat is ${seconds(heartbeatMs)}`;
  }
  const labels = slots.reduce((sum, { count }) => sum + count, 0);
  const least = (minPerMs ?? 0) * (to - from);
  if (labels < least) return `${name} sent ${labels} labels, at least ${Math.ceil(least)} expected`;
  if (heartbeatMs === null && minPerMs === null)
    return `${name} has no heartbeat and no least rate`;
  return null;
}

/**
 * Why the absence of a label says nothing about decisions whose window is [from, to); empty when
 * every watched source was heard often enough and no label was skipped.
 */
export function judgeSilence(
  arrivals: Arrivals,
  skips: Skips,
  sources: readonly LabelSource[],
  span: { from: number; to: number; cohortMs: number },
): string {
  const { from, to, cohortMs } = span;
  const reasons: string[] = [];
  const isInside = (number: number): boolean => number >= from / cohortMs && number < to / cohortMs;
  // A label may come before its decision: what was skipped up to a window earlier counts too.
  const skipsFrom = (from - (to - from)) / cohortMs;
  const skipped = [...skips]
    .filter(([number]) => number >= skipsFrom && number < to / cohortMs)
    .reduce((sum, [, count]) => sum + count, 0);
  if (skipped > 0) reasons.push(`${skipped} labels found no room`);
  for (const source of sources.filter(isWatched)) {
    const slots = [...(arrivals.get(source.name) ?? EMPTY)]
      .filter(([number]) => isInside(number))
      .sort(([a], [b]) => a - b)
      .map(([, slot]) => slot);
    const reason = judgeSource(source, slots, from, to);
    if (reason !== null) reasons.push(reason);
  }
  return reasons.join("; ");
}
