/** The stream of every simulated figure: 10% positives Beta(4,2), negatives Beta(2,5). */
import { openRandom, type Random } from "../../control/demo/random.ts";

export const POSITIVE_SHARE = 0.1;
export const RATE = 0.01;
export const RISK = 0.1;

/** P(Beta(p, q) <= x) of whole p and q: a binomial sum (DLMF 8.17.5), no library. */
export function betaBelow(x: number, p: number, q: number): number {
  const n = p + q - 1;
  let sum = 0;
  for (let k = p; k <= n; k++) {
    let ways = 1;
    for (let i = 0; i < k; i++) ways = (ways * (n - i)) / (i + 1);
    sum += ways * x ** k * (1 - x) ** (n - k);
  }
  return sum;
}

/** Probability of each of `cells` equal slices of 0..1. */
export function sliceBeta(p: number, q: number, cells: number): number[] {
  return Array.from(
    { length: cells },
    (_, at) => betaBelow((at + 1) / cells, p, q) - betaBelow(at / cells, p, q),
  );
}

/** Draws cells with given probabilities in constant time (Walker's alias table, by Vose 1991). */
export function openAlias(shares: readonly number[]): (random: Random) => number {
  const count = shares.length;
  const sum = shares.reduce((total, share) => total + share, 0);
  const left = shares.map((share) => (share * count) / sum);
  const accept = new Float64Array(count).fill(1);
  const alias = Int32Array.from({ length: count }, (_, at) => at);
  const small = left.flatMap((share, at) => (share < 1 ? [at] : []));
  const large = left.flatMap((share, at) => (share < 1 ? [] : [at]));
  while (small.length > 0 && large.length > 0) {
    const [low, high] = [small.pop() ?? 0, large.at(-1) ?? 0];
    accept[low] = left[low] ?? 1;
    alias[low] = high;
    left[high] = (left[high] ?? 0) + (left[low] ?? 0) - 1;
    if ((left[high] ?? 0) < 1) small.push(large.pop() ?? 0);
  }
  return (random) => {
    const unit = (random.next() / 2 ** 32) * count;
    const at = Math.floor(unit);
    return unit - at < (accept[at] ?? 1) ? at : (alias[at] ?? at);
  };
}

/** Scores in `cells` equal slices: all cuts a walk can choose. */
export type Stream = {
  cells: number;
  /** Adds draws: places 0 to cells-1 of `counts` are negatives, the rest positives. */
  add: (counts: Uint32Array, draws: number) => void;
  /** True false positive rate and recall of a cut; 0 at and above the last cell. */
  falseRate: (cut: number) => number;
  recall: (cut: number) => number;
};

function sumAbove(slices: readonly number[]): (cut: number) => number {
  const above = [...slices];
  for (let at = above.length - 2; at >= 0; at--)
    above[at] = (above[at] ?? 0) + (above[at + 1] ?? 0);
  return (cut) => above[cut] ?? 0;
}

export function openStream(seed: number, cells: number): Stream {
  const random = openRandom(seed);
  const [negatives, positives] = [sliceBeta(2, 5, cells), sliceBeta(4, 2, cells)];
  const draw = openAlias([
    ...negatives.map((share) => share * (1 - POSITIVE_SHARE)),
    ...positives.map((share) => share * POSITIVE_SHARE),
  ]);
  const add = (counts: Uint32Array, draws: number): void => {
    for (let i = 0; i < draws; i++) {
      const cell = draw(random);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
  };
  return { cells, add, falseRate: sumAbove(negatives), recall: sumAbove(positives) };
}

/** Cells in use from `lowest` on, with the cell as its bin. */
export function toHistogram(counts: Uint32Array, lowest: number): Map<number, number> {
  const histogram = new Map<number, number>();
  for (let cell = lowest; cell < counts.length; cell++) {
    const count = counts[cell] ?? 0;
    if (count > 0) histogram.set(cell, count);
  }
  return histogram;
}
