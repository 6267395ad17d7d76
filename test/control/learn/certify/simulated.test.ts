/** Acceptance figures in short: seeded, some seconds. `npm run bench -- learn` runs them in full. */
import { describe, expect, it } from "vitest";
import { openRandom } from "../../../../control/demo/random.ts";
import { drawPool, runBreaker } from "../../../bench/breaker.ts";
import { LOOK_SIZES, ONE_LOOK_RECALL, REPEATED_RECALL } from "../../../bench/learn.ts";
import { mostViolations, runOneLook, runRepeated, runTooHigh } from "../../../bench/looks.ts";

/** Two standard deviations of a mean recall over so few runs (one run's is .06 at most). */
const slack = (runs: number): number => (2 * 0.06) / Math.sqrt(runs);

describe("one look", () => {
  it.each(ONE_LOOK_RECALL.slice(0, 3))("keeps its risk and recall at %d labels", (n, least) => {
    const draws = 400;
    const row = runOneLook(n, draws, 11, 100);
    expect(row.violations).toBeLessThanOrEqual(mostViolations(draws));
    expect(row.recall).toBeGreaterThanOrEqual(least - slack(draws));
  });
});

describe("repeated looks", () => {
  it("keeps its risk over whole runs, and its recall", () => {
    const runs = 60;
    const row = runRepeated("repeated", LOOK_SIZES, runs, 12, 1_024);
    expect(row.violations).toBeLessThanOrEqual(mostViolations(runs));
    row.recalls.forEach(({ recall }, at) => {
      expect(recall).toBeGreaterThanOrEqual((REPEATED_RECALL[at] ?? 1) - slack(runs));
    });
  });

  it("breaks the rate often with Clopper-Pearson at each look, as it must", () => {
    // 0.42 of long runs; 60 runs fall below 0.3 with probability 0.03, this seed does not.
    expect(runRepeated("one", LOOK_SIZES, 60, 13, 1_024).violations).toBeGreaterThan(0.3);
  });

  it("never certifies 3% as 1%", () => {
    expect(runTooHigh(0.03, LOOK_SIZES, 100, openRandom(14).unit)).toBe(0);
  });
});

describe("breaker", () => {
  const pool = drawPool(15, 5_000);

  it("alarms within 1,000 decisions of a release and not before", () => {
    const row = runBreaker(pool, 25, 16, "restarting");
    expect([row.within, row.falseFires]).toEqual([1, 0]);
  });

  it("fails to from its first decision alone, as it must", () => {
    expect(runBreaker(pool, 10, 16, "single").within).toBeLessThan(0.99);
  });
});
