import { describe, expect, it } from "vitest";
import {
  bisect,
  checkCounts,
  evaluateBeta,
  logBetaRatio,
  upperBeta,
} from "../../../../control/learn/certify/beta.ts";
import { betaBelow } from "../../../bench/stream.ts";
import { figures, findOff } from "./figures.ts";

// Smaller values are no doubles.
const doubles = figures.logE.filter(([, , , , logI]) => Number(logI) > -690);
const relativeError = ([k, n, a, , logI]: (typeof doubles)[number]): number => {
  const error = Math.abs(evaluateBeta(a, k + 0.5, n - k + 0.5).share / Math.exp(Number(logI)) - 1);
  // exp of a 20-digit text loses |log| half-units in the last place itself.
  return Math.max(0, error - Math.abs(Number(logI)) * Number.EPSILON);
};

describe("evaluateBeta", () => {
  it.each([
    [5_000, 1e-12],
    [100_000, 3e-12],
    [1_000_000, 2e-11],
  ])("equals mpmath up to n = %d within %d relative", (most, allowed) => {
    const rows = doubles.filter(([, n]) => n <= most);
    expect(rows.length).toBeGreaterThan(200);
    expect(findOff(rows, relativeError, allowed)).toEqual([]);
  });

  it("equals the binomial sum at whole parameters", () => {
    for (const [x, p, q] of [
      [0.3, 2, 5],
      [0.9, 4, 2],
      [0.01, 1, 30],
    ] as const) {
      expect(evaluateBeta(x, p, q).share).toBeCloseTo(betaBelow(x, p, q), 13);
    }
  });
});

describe("upperBeta", () => {
  it("keeps the digits of a small remainder", () => {
    // 1 - I_x(1, q) = (1-x)^q.
    expect(upperBeta(0.5, 1, 900) / 0.5 ** 900).toBeCloseTo(1, 11);
  });
});

describe("logBetaRatio", () => {
  it.each([
    [0.01, 40],
    [0.3, 5],
    [0.5, 2_000],
  ])("equals its closed form at x = %d, p = 1, q = %d", (x, q) => {
    // B(1, q) I_x(1, q) = (1 - (1-x)^q) / q.
    const wanted = Math.log((1 - (1 - x) ** q) / q) - Math.log(x) / 2 - (q - 0.5) * Math.log1p(-x);
    expect(logBetaRatio(x, 1, q)).toBeCloseTo(wanted, 11);
  });

  it.each([
    [0.01, 40],
    [0.7, 5],
  ])("equals its closed form at x = %d, p = %d, q = 1", (x, p) => {
    // B(p, 1) I_x(p, 1) = x^p / p.
    const wanted = Math.log(x) / 2 - Math.log(p) - Math.log1p(-x) / 2;
    expect(logBetaRatio(x, p, 1)).toBeCloseTo(wanted, 11);
  });
});

describe("bisect", () => {
  it("finds the least double at which a predicate holds", () => {
    expect(bisect(0, 1, (x) => x >= 0.3)).toBe(0.3);
  });
});

describe("checkCounts", () => {
  it.each([
    [-1, 5, 0.1],
    [6, 5, 0.1],
    [Number.NaN, 5, 0.1],
    [1, 5, 0],
    [1, 5, 1],
    [0, Number.POSITIVE_INFINITY, 0.1],
  ])("refuses %d of %d at %d", (k, n, rate) => {
    expect(() => checkCounts(k, n, rate)).toThrow("not counts and a rate");
  });
});
