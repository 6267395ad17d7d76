import { describe, expect, it } from "vitest";
import {
  boundOnce,
  certifiesOnce,
  lowerBoundOnce,
} from "../../../../control/learn/certify/clopper-pearson.ts";
import { figures, findOff } from "./figures.ts";

const error = ([k, n, d, wanted]: (typeof figures.clopperPearson)[number]): number =>
  Math.abs(boundOnce(k, n, d) / Number(wanted) - 1);

describe("boundOnce", () => {
  it.each([
    [5_000, 1e-12],
    [100_000, 3e-12],
    [1_000_000, 2e-11],
  ])("equals mpmath up to n = %d within %d relative", (most, allowed) => {
    const rows = figures.clopperPearson.filter(([, n]) => n <= most);
    expect(rows.length).toBeGreaterThan(70);
    expect(findOff(rows, error, allowed)).toEqual([]);
  });

  it("equals 1 - d^(1/n) without events", () => {
    expect(boundOnce(0, 230, 0.1)).toBeCloseTo(1 - 0.1 ** (1 / 230), 14);
  });

  it("is 1 without trials", () => {
    expect(boundOnce(0, 0, 0.1)).toBe(1);
  });
});

describe("lowerBoundOnce", () => {
  it("equals d^(1/n) when every trial is an event", () => {
    expect(lowerBoundOnce(50, 50, 0.01)).toBeCloseTo(0.01 ** (1 / 50), 14);
  });

  it("is 0 without events and without trials", () => {
    expect([lowerBoundOnce(0, 40, 0.1), lowerBoundOnce(0, 0, 0.1)]).toEqual([0, 0]);
  });
});

describe("certifiesOnce", () => {
  // ln d / ln(1-a), rounded up.
  it.each([
    [0.01, 230],
    [0.001, 2302],
    [0.0001, 23025],
  ])("a rate of %d at d = .1 takes %d clean trials", (a, least) => {
    expect([least - 1, least].map((n) => certifiesOnce(0, n, a, 0.1))).toEqual([false, true]);
  });

  it("never certifies when every trial is an event", () => {
    expect(certifiesOnce(5, 5, 0.99, 0.1)).toBe(false);
  });
});
