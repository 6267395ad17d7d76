import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boundRepeated,
  certifiesRepeated,
  logE,
} from "../../../../control/learn/certify/e-value.ts";
import { figures, findOff } from "./figures.ts";

const counts = fc.integer({ min: 1, max: 5_000 }).chain((n) =>
  fc.record({
    n: fc.constant(n),
    k: fc.integer({ min: 0, max: n - 1 }),
    a: fc.double({ min: 1e-4, max: 0.5, noNaN: true }),
  }),
);

describe("logE", () => {
  it("equals mpmath within 1e-9 for n up to 10^6, a from 1e-4 to 0.5, k from 0 to n", () => {
    expect(figures.logE.length).toBeGreaterThan(300);
    const error = ([k, n, a, wanted]: (typeof figures.logE)[number]): number =>
      Math.abs(logE(k, n, a) - Number(wanted)) / Math.max(1, Math.abs(Number(wanted)));
    expect(findOff(figures.logE, error, 1e-9)).toEqual([]);
  });

  it("is 0 before the first trial", () => {
    expect(logE(0, 0, 0.01)).toBeCloseTo(0, 14);
  });

  it("falls in k", () => {
    fc.assert(
      fc.property(counts, ({ k, n, a }) => {
        expect(logE(k + 1, n, a)).toBeLessThan(logE(k, n, a));
      }),
      { numRuns: 200 },
    );
  });

  it("is a martingale at the rate itself: a step leaves its mean unchanged", () => {
    fc.assert(
      fc.property(counts, ({ k, n, a }) => {
        const [now, event, none] = [logE(k, n, a), logE(k + 1, n + 1, a), logE(k, n + 1, a)];
        const mean = a * Math.exp(event - now) + (1 - a) * Math.exp(none - now);
        // exp of a difference of logs near 10^3 keeps 13 digits.
        expect(Math.abs(mean - 1)).toBeLessThan(1e-9);
      }),
      { numRuns: 200 },
    );
  });
});

describe("certifiesRepeated", () => {
  it.each([
    [0.01, 0.1, 297],
    [0.01, 0.025, 455],
    [0.3, 0.1, 9],
    [0.05, 0.1, 59],
  ])("a rate of %d at d = %d takes %d clean trials", (a, d, least) => {
    expect([least - 1, least].map((n) => certifiesRepeated(0, n, a, d))).toEqual([false, true]);
  });
});

describe("boundRepeated", () => {
  it("is the least rate certified: it and above yes, below no", () => {
    fc.assert(
      fc.property(counts, ({ k, n }) => {
        const bound = boundRepeated(k, n, 0.1);
        if (bound === 1) return;
        expect(certifiesRepeated(k, n, bound, 0.1)).toBe(true);
        expect(certifiesRepeated(k, n, bound + (1 - bound) / 3, 0.1)).toBe(true);
        const below = bound - (bound - k / n) * 1e-6;
        if (below > 0) expect(certifiesRepeated(k, n, below, 0.1)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("is 1 when every trial is an event", () => {
    expect([boundRepeated(0, 0, 0.1), boundRepeated(7, 7, 0.1)]).toEqual([1, 1]);
  });
});
