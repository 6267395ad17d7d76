/** Cuts chosen on draws of the stream: one look each, or many looks at one growing stream. */
import { type Claim, countAllowed, findLowestCut } from "../../control/learn/certify/walk.ts";
import { openStream, RATE, RISK, type Stream, toHistogram } from "./stream.ts";

export type LookRow = {
  n: number;
  draws: number;
  /** Share of draws whose cut breaks the rate. */
  violations: number;
  recall: number;
  /** Share of draws without a cut. */
  empty: number;
};

const claimOf = (looks: Claim["looks"]): Claim => ({ rate: RATE, risk: RISK, looks });

/** `countAllowed`, remembered: the same n comes up in many draws. */
export function rememberAllowed(claim: Claim): (n: number) => number {
  const known = new Map<number, number>();
  return (n) => {
    const found = known.get(n) ?? countAllowed(n, claim);
    known.set(n, found);
    return found;
  };
}

type AllowedOf = (n: number) => number;
/** Cuts below it tag 4% of the negatives: no walk for 1% gets there, so they are left out. */
const LOWEST = 0.6;

function chooseCut({ cells }: Stream, counts: Uint32Array, allowedOf: AllowedOf): number {
  const n = counts.subarray(0, cells).reduce((sum, count) => sum + count, 0);
  const allowed = allowedOf(n);
  if (allowed < 0) return cells;
  const lowest = Math.floor(LOWEST * cells);
  const negatives = toHistogram(counts.subarray(0, cells), lowest);
  const positives = toHistogram(counts.subarray(cells), lowest);
  const { cut } = findLowestCut({ negatives, positives }, allowed);
  if (cut === lowest) throw new Error(`a walk reached cell ${lowest}: LOWEST is too high`);
  return cut;
}

/** One look at n labels, by Clopper-Pearson. */
export function runOneLook(n: number, draws: number, seed: number, cells: number): LookRow {
  const stream = openStream(seed, cells);
  const allowedOf = rememberAllowed(claimOf("one"));
  let [violations, recall, empty] = [0, 0, 0];
  for (let draw = 0; draw < draws; draw++) {
    const counts = new Uint32Array(2 * cells);
    stream.add(counts, n);
    const cut = chooseCut(stream, counts, allowedOf);
    violations += Number(stream.falseRate(cut) > RATE);
    recall += stream.recall(cut);
    empty += Number(cut >= cells);
  }
  return {
    n,
    draws,
    violations: violations / draws,
    recall: recall / draws,
    empty: empty / draws,
  };
}

/** Sizes of `looks` looks, each the same factor above the one before. */
export function spaceLooks(first: number, last: number, looks: number): number[] {
  return Array.from({ length: looks }, (_, at) =>
    Math.round(first * (last / first) ** (at / (looks - 1))),
  );
}

export type RepeatedRow = {
  runs: number;
  /** Share of runs in which any look's cut breaks the rate. */
  violations: number;
  /** Mean recall at the first look of at least so many labels. */
  recalls: { n: number; recall: number }[];
};

/** Many looks at one stream a run; `one` is the negative control. */
export function runRepeated(
  looks: Claim["looks"],
  sizes: readonly number[],
  runs: number,
  seed: number,
  cells: number,
  marks: readonly number[] = [2_000, 10_000, 50_000],
): RepeatedRow {
  const stream = openStream(seed, cells);
  const allowedOf = rememberAllowed(claimOf(looks));
  const markAt = marks.map((mark) => sizes.findIndex((size) => size >= mark));
  const recalls = marks.map(() => 0);
  let violations = 0;
  for (let run = 0; run < runs; run++) {
    const counts = new Uint32Array(2 * cells);
    let broken = false;
    sizes.forEach((size, look) => {
      stream.add(counts, size - (look === 0 ? 0 : (sizes[look - 1] ?? 0)));
      const cut = chooseCut(stream, counts, allowedOf);
      broken ||= stream.falseRate(cut) > RATE;
      for (const [mark, at] of markAt.entries()) {
        if (at === look) recalls[mark] = (recalls[mark] ?? 0) + stream.recall(cut);
      }
    });
    violations += Number(broken);
  }
  return {
    runs,
    violations: violations / runs,
    recalls: marks.map((n, at) => ({ n, recall: (recalls[at] ?? 0) / runs })),
  };
}

/** Share of runs in which a false positive rate is ever certified as `RATE` at one fixed cut. */
export function runTooHigh(
  rate: number,
  sizes: readonly number[],
  runs: number,
  draw: () => number,
): number {
  const allowedOf = rememberAllowed(claimOf("repeated"));
  let certified = 0;
  for (let run = 0; run < runs; run++) {
    let [n, k, ever] = [0, 0, false];
    for (const size of sizes) {
      for (; n < size; n++) k += Number(draw() < rate);
      ever ||= k <= allowedOf(n);
    }
    certified += Number(ever);
  }
  return certified / runs;
}

/** d plus two standard deviations of a share over so many draws. */
export function mostViolations(draws: number, risk = RISK): number {
  return risk + 2 * Math.sqrt((risk * (1 - risk)) / draws);
}
