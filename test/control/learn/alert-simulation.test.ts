// Traffic as the demo's: scores of people and bots, access-log batches once a second, a cut that
// follows. Only the seed changes from run to run, so the outcome is always the same.
import { describe, expect, it } from "vitest";
import { type CohortHistogram, proposeAlert } from "../../../control/learn/alert.ts";

const SHARE = 0.05;
const RATE = 300;
const PHASE = 7_500;
const JUDGED = 3_000;
/** Share of bots by phase: it doubles in the third. */
const BOTS = [0.08, 0.08, 0.16];
const TICK_MS = 1_000;

/** Mulberry32: a small generator that a seed fixes. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Beta(a, b) for whole a and b: the a-th smallest of a + b - 1 uniform numbers. */
function drawScore(random: () => number, a: number, b: number): number {
  const draws = Array.from({ length: a + b - 1 }, random).sort((x, y) => x - y);
  return draws[a - 1] ?? 0;
}

/** Shares at or above the live cut over the last decisions of each phase. */
function simulate(seed: number): number[] {
  const random = createRandom(seed);
  const cohorts: CohortHistogram[] = [];
  let arriving: number[] = [];
  let cut = 4096;
  let lastProposal: number | null = null;
  const isAbove: boolean[] = [];
  for (let at = 0; at < BOTS.length * PHASE; at++) {
    const isBot = random() < (BOTS[Math.floor(at / PHASE)] ?? 0);
    const score = isBot ? drawScore(random, 4, 2) : drawScore(random, 2, 5);
    const bin = Math.floor(4096 * score);
    arriving.push(bin);
    isAbove.push(bin >= cut);
    if ((at + 1) % ((RATE * TICK_MS) / 1_000) !== 0) continue;
    const now = (1_000 * (at + 1)) / RATE;
    const counts = Map.groupBy(arriving, (one) => one);
    const histogram = new Map([...counts].map(([one, all]) => [one, all.length]));
    cohorts.unshift({ cohort: now / 1_000, segments: new Map([["rest", histogram]]) });
    arriving = [];
    const settings = { share: SHARE, scope: "overall", segments: ["rest"] } as const;
    const answer = proposeAlert({ cohorts, liveCuts: { rest: cut }, lastProposal, now, settings });
    if (answer.kind === "nothing") continue;
    cut = answer.cuts["rest"] ?? cut;
    lastProposal = now;
  }
  return BOTS.map((_, phase) => {
    const judged = isAbove.slice((phase + 1) * PHASE - JUDGED, (phase + 1) * PHASE);
    return judged.filter(Boolean).length / JUDGED;
  });
}

describe("proposeAlert, over time", () => {
  it.each([1, 2, 3, 4, 5, 6])(
    "keeps the share within 25% of the objective, also after the bots double (seed %s)",
    (seed) => {
      const shares = simulate(seed);
      const off = shares.map((share) => Math.abs(share / SHARE - 1));
      expect(off.filter((one) => one > 0.25)).toEqual([]);
    },
  );
});
