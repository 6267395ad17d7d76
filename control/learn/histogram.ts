import { BINS } from "../../models/limits.ts";

/** Counts by bin, only of the bins that have any. */
export type Histogram = ReadonlyMap<number, number>;

/** All counts of several histograms. */
export function mergeHistograms(histograms: Iterable<Histogram>): Map<number, number> {
  const merged = new Map<number, number>();
  for (const histogram of histograms) {
    for (const [bin, count] of histogram) merged.set(bin, (merged.get(bin) ?? 0) + count);
  }
  return merged;
}

export function countAll(histogram: Histogram): number {
  let sum = 0;
  for (const count of histogram.values()) sum += count;
  return sum;
}

/** Decisions a cut would tag: `bin >= cut`, equality included. */
export function countAtOrAbove(histogram: Histogram, cut: number): number {
  let sum = 0;
  for (const [bin, count] of histogram) if (bin >= cut) sum += count;
  return sum;
}

/** Share of decisions at or above the cut; 0 of an empty histogram. */
export function shareAtOrAbove(histogram: Histogram, cut: number): number {
  const all = countAll(histogram);
  return all === 0 ? 0 : countAtOrAbove(histogram, cut) / all;
}

/**
 * The cut whose share comes nearest to the one asked for. Candidates are none (4096) and each bin
 * that holds decisions: between two of them the share does not change. Of two that are equally
 * near, the higher one: it tags less.
 */
export function findCut(histogram: Histogram, share: number): number {
  const wanted = share * countAll(histogram);
  let best = { cut: BINS, distance: wanted };
  let above = 0;
  for (const bin of [...histogram.keys()].sort((a, b) => b - a)) {
    above += histogram.get(bin) ?? 0;
    const distance = Math.abs(above - wanted);
    if (distance < best.distance) best = { cut: bin, distance };
    if (above > wanted) break;
  }
  return best.cut;
}
