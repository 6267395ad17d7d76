import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countAll,
  countAtOrAbove,
  findCut,
  mergeHistograms,
  shareAtOrAbove,
} from "../../../control/learn/histogram.ts";

/** The dull version: one number a decision. */
const bins = fc.array(fc.oneof(fc.nat(4095), fc.nat(5)), { minLength: 1, maxLength: 300 });
function histogramOf(list: readonly number[]): Map<number, number> {
  const histogram = new Map<number, number>();
  for (const bin of list) histogram.set(bin, list.filter((other) => other === bin).length);
  return histogram;
}
const shareOf = (list: readonly number[], cut: number): number =>
  list.filter((bin) => bin >= cut).length / list.length;

describe("shareAtOrAbove", () => {
  it("is the part of all decisions with bin >= cut", () => {
    fc.assert(
      fc.property(bins, fc.nat(4096), (list, cut) => {
        expect(shareAtOrAbove(histogramOf(list), cut)).toBe(shareOf(list, cut));
      }),
    );
  });

  it("counts a bin equal to the cut", () => {
    expect(countAtOrAbove(new Map([[7, 3]]), 7)).toBe(3);
    expect(countAtOrAbove(new Map([[7, 3]]), 8)).toBe(0);
  });

  it("is 0 of no decisions", () => {
    expect(shareAtOrAbove(new Map(), 0)).toBe(0);
  });
});

describe("mergeHistograms", () => {
  it("holds the decisions of all of them", () => {
    fc.assert(
      fc.property(bins, bins, (one, other) => {
        const merged = mergeHistograms([histogramOf(one), histogramOf(other)]);
        expect(merged).toEqual(histogramOf([...one, ...other]));
        expect(countAll(merged)).toBe(one.length + other.length);
      }),
    );
  });
});

describe("findCut", () => {
  it("comes as near to the share as any of the 4,097 cuts", () => {
    fc.assert(
      fc.property(bins, fc.double({ min: 0.0001, max: 0.5, noNaN: true }), (list, share) => {
        const histogram = histogramOf(list);
        const near = (cut: number): number => Math.abs(shareOf(list, cut) - share);
        const best = Math.min(...[...new Set([...list, 4096])].map(near));
        expect(near(findCut(histogram, share))).toBeCloseTo(best, 12);
      }),
    );
  });

  it("takes the higher of two cuts that are equally near", () => {
    // 2 of 8 or 6 of 8 at or above; asked for half.
    const histogram = new Map([
      [10, 2],
      [20, 4],
      [30, 2],
    ]);
    expect(findCut(histogram, 0.5)).toBe(30);
  });

  it("is none when the highest bin holds more than twice the share", () => {
    expect(findCut(new Map([[9, 100]]), 0.02)).toBe(4096);
  });

  it("is none without decisions", () => {
    expect(findCut(new Map(), 0.02)).toBe(4096);
  });
});
