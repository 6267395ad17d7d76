import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestKafka, type TestKafka } from "../support/broker.ts";
import { findEnvoy } from "../support/envoy.ts";
import { runCrash } from "./crash.ts";
import { planCrash, VICTIMS } from "./crash-plan.ts";

/** Any number: `npm run crash -- --runs 1 --seed N` plays the plan of one again. */
const SEEDS = [101, 102, 103, 104, 105];
const RUN_MS = 240_000;

let kafka: TestKafka | undefined;
beforeAll(async () => {
  if (await findEnvoy()) kafka = await startTestKafka();
});
afterAll(() => kafka?.remove());

describe("planCrash", () => {
  it("draws the same plan from the same seed, and another from another", () => {
    expect(planCrash(7)).toEqual(planCrash(7));
    expect(planCrash(7)).not.toEqual(planCrash(8));
  });

  it("kills every kind of process", () => {
    for (const seed of SEEDS) {
      const killed = new Set(planCrash(seed).kills.map(({ what }) => what));
      expect(killed).toEqual(new Set(VICTIMS));
    }
  });
});

describe("roles apart, each killed by -9 while tables are pushed", () => {
  for (const seed of SEEDS) {
    it(
      `count what a dull join counts, and lose nothing they acknowledged (seed ${seed})`,
      async ({ skip }) => {
        if (!kafka) return skip();
        const { faults, logs } = await runCrash(kafka, planCrash(seed));
        expect(faults, logs).toEqual([]);
      },
      RUN_MS,
    );
  }
});
