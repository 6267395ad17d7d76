import { describe, expect, it } from "vitest";
import type { DemoResult } from "../../../control/demo/result.ts";
import { areEnoughMet, formatSpread, listSeeds } from "../../../control/demo/seeds.ts";

const outcome = (fpr: number, recall: number | null) => ({ after: { learned: { fpr, recall } } });
const result = (seed: number, alarmAfter: number | null, failures: string[] = []): DemoResult =>
  ({
    seed,
    alarmAfter,
    relearnAfter: 4_829,
    rerouted: 600,
    failures,
    cost: { hand: 1, stale: 1_000, learned: 64 },
    routes: {
      search: outcome(0.001, 0.6),
      login: outcome(0.002, 0.5),
      checkout: outcome(0.003, 0.55),
      orders: outcome(0, null),
    },
  }) as unknown as DemoResult;

describe("listSeeds", () => {
  it("counts from 101", () => {
    expect(listSeeds(3)).toEqual([101, 102, 103]);
  });
});

describe("formatSpread", () => {
  const lines = formatSpread([result(101, 91), result(102, 30), result(103, null, ["late"])]);
  const cells = (line: string | undefined): string[] => (line ?? "").trim().split(/ {2,}/);

  it("writes a run on one line: the worst route's rate and recall, and the cost ratio", () => {
    expect(cells(lines[1])).toEqual([
      "101",
      "91",
      "4,829",
      "600",
      "0.30%",
      "50.00%",
      "0.064",
      "met",
    ]);
  });

  it("says which runs did not meet everything", () => {
    expect(cells(lines[3]).at(-1)).toBe("NOT MET");
  });

  it("leaves runs without a figure out of its spread", () => {
    expect([cells(lines[4])[1], cells(lines[6])[1]]).toEqual(["30", "91"]);
  });
});

describe("areEnoughMet", () => {
  const runs = (failed: number): DemoResult[] =>
    Array.from({ length: 20 }, (_, n) => result(101 + n, 50, n < failed ? ["late"] : []));

  it("lets one of 20 fail, not two", () => {
    expect([areEnoughMet(runs(1)), areEnoughMet(runs(2))]).toEqual([true, false]);
  });
});
