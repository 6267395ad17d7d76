import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AlertAnswer,
  type AlertInput,
  type CohortHistogram,
  proposeAlert,
} from "../../../control/learn/alert.ts";

/** Bins 0 to 999, each as often: the share at or above a cut of 1000 - n is n / 1000. */
function evenly(count: number, shift = 0): Map<number, number> {
  const bins = new Map<number, number>();
  for (let at = 0; at < count; at++) {
    const bin = ((at * 617) % 1000) + shift;
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  return bins;
}
const cohortOf = (cohort: number, segments: Record<string, Map<number, number>>) => ({
  cohort,
  segments: new Map(Object.entries(segments)),
});
/** Cohorts of 1,000 decisions each, newest first. */
const steady = (count: number): CohortHistogram[] =>
  Array.from({ length: count }, (_, at) => cohortOf(100 - at, { rest: evenly(1_000) }));

function propose(input: Partial<AlertInput>, share = 0.05): AlertAnswer {
  return proposeAlert({
    cohorts: steady(1),
    liveCuts: {},
    lastProposal: null,
    now: 1_000_000,
    settings: { share, scope: "overall", segments: ["rest"] },
    ...input,
  });
}

describe("proposeAlert, when", () => {
  it("proposes the cut of the share from 10 / share decisions on, and not with one fewer", () => {
    const at = (count: number) => propose({ cohorts: [cohortOf(1, { rest: evenly(count) })] });
    expect(at(199)).toMatchObject({ kind: "nothing", reason: "199 of 200 decisions" });
    expect(at(200).kind).toBe("proposal");
  });

  it("proposes nothing without decisions", () => {
    expect(propose({ cohorts: [] })).toMatchObject({ reason: "0 of 200 decisions" });
  });

  it("proposes again 5 s after the last time, and not before", () => {
    expect(propose({ lastProposal: 995_001 })).toMatchObject({
      kind: "nothing",
      reason: "0.0 s until the next proposal",
    });
    expect(propose({ lastProposal: 995_000 }).kind).toBe("proposal");
  });

  it("leaves a cut whose share is 10% off, and moves one that is further off", () => {
    const cohorts = steady(20);
    const at = (cut: number) => propose({ cohorts, liveCuts: { rest: cut } }, 0.1);
    expect(at(890)).toMatchObject({ kind: "nothing", reason: /11.00% at or above the cut/ });
    expect(at(889)).toMatchObject({ kind: "proposal", cuts: { rest: 900 } });
    expect(at(910).kind).toBe("nothing");
    expect(at(911)).toMatchObject({ kind: "proposal", cuts: { rest: 900 } });
  });

  it("leaves a share that is off by no more than chance in few decisions", () => {
    // 6% of 1,000 where 5% are asked for: 1.45 standard deviations; 6.1%: 1.6.
    expect(propose({ liveCuts: { rest: 940 } })).toMatchObject({ reason: /within chance/ });
    expect(propose({ liveCuts: { rest: 939 } }).kind).toBe("proposal");
  });

  it("keeps the live cut when no other comes nearer", () => {
    // One bin holds everything: the shares there are, are 0 and 1.
    const cohorts = [cohortOf(1, { rest: new Map([[9, 1_000]]) })];
    expect(propose({ cohorts })).toMatchObject({ kind: "nothing", reason: /no cut comes nearer/ });
  });

  it("goes back to none when the live cut tags what cannot be told apart", () => {
    const cohorts = [cohortOf(1, { rest: new Map([[9, 1_000]]) })];
    expect(propose({ cohorts, liveCuts: { rest: 9 } })).toMatchObject({ cuts: { rest: 4096 } });
  });
});

describe("proposeAlert, scope", () => {
  const segments = { rest: evenly(1_000), shop: evenly(1_000, 1_000) };
  const cohorts = [cohortOf(1, segments)];
  const settings = { share: 0.05, segments: ["rest", "shop"] };

  it("sets one cut for all segments in scope overall", () => {
    const answer = propose({ cohorts, settings: { ...settings, scope: "overall" } });
    // 100 of 2,000, all of them in the upper 1,000 bins.
    expect(answer).toMatchObject({ kind: "proposal", cuts: { rest: 1_900, shop: 1_900 } });
  });

  it("holds every segment against its own live cut in scope overall", () => {
    const liveCuts = { rest: 950, shop: 1_950 };
    const { views } = propose({ cohorts, liveCuts, settings: { ...settings, scope: "overall" } });
    expect(views).toMatchObject([{ liveShare: 0.05 }]);
  });

  it("sets a cut for each segment in scope segment", () => {
    const answer = propose({ cohorts, settings: { ...settings, scope: "segment" } });
    expect(answer).toMatchObject({ cuts: { rest: 950, shop: 1_950 } });
  });

  it("proposes only for the segments that have enough decisions", () => {
    const few = [cohortOf(1, { ...segments, shop: evenly(150) })];
    const answer = propose({ cohorts: few, settings: { ...settings, scope: "segment" } });
    expect(answer).toMatchObject({ kind: "proposal", cuts: { rest: 950 } });
  });

  it("leaves out decisions of segments that the table does not have", () => {
    const gone = [cohortOf(1, { rest: evenly(1_000), gone: evenly(1_000, 1_000) })];
    expect(propose({ cohorts: gone })).toMatchObject({ cuts: { rest: 950 } });
  });
});

describe("proposeAlert, what it looks at", () => {
  it("looks at up to 500 / share decisions while they agree", () => {
    const { views } = propose({ cohorts: steady(100) });
    expect(views[0]?.decisions).toBeGreaterThanOrEqual(10_000);
    expect(views[0]?.decisions).toBeLessThanOrEqual(20_000);
  });

  it("leaves out older decisions that disagree with the newest 50 / share", () => {
    const newer = cohortOf(200, { rest: evenly(1_000, 100) });
    const answer = propose({ cohorts: [newer, ...steady(50)], liveCuts: { rest: 950 } });
    expect(answer).toMatchObject({ cuts: { rest: 1_050 }, views: [{ decisions: 1_000 }] });
  });

  it("gives one answer for any split of the newest decisions over segments", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1), { minLength: 1_000, maxLength: 1_000 }), (sides) => {
        const parts = [new Map<number, number>(), new Map<number, number>()];
        for (const [bin, side] of sides.entries()) parts[side]?.set(bin, 1);
        const split = { rest: parts[0] ?? new Map(), shop: parts[1] ?? new Map() };
        const settings = { share: 0.05, scope: "overall", segments: ["rest", "shop"] } as const;
        const answer = propose({ cohorts: [cohortOf(1, split)], settings });
        expect(answer).toMatchObject({ cuts: { rest: 950, shop: 950 } });
      }),
      { numRuns: 20 },
    );
  });
});
