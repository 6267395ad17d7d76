import { describe, expect, it } from "vitest";
import { drawWith, openRandom, splitMix64, xoshiro128 } from "../../../control/demo/random.ts";

describe("xoshiro128", () => {
  it("gives the published outputs for the state 1, 2, 3, 4", () => {
    // The test vector of the reference implementation (xoshiro128starstar.c).
    const next = xoshiro128([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });
});

describe("splitMix64", () => {
  it("gives the published outputs for the state 1477776061723855037", () => {
    const values: bigint[] = [];
    let state = 1477776061723855037n;
    for (let i = 0; i < 4; i += 1) {
      const step = splitMix64(state);
      state = step.state;
      values.push(step.value);
    }
    expect(values).toEqual([
      1985237415132408290n,
      2979275885539914483n,
      13511426838097143398n,
      8488337342461049707n,
    ]);
  });
});

describe("openRandom", () => {
  it("gives different streams for neighbouring seeds", () => {
    const streams = Array.from({ length: 50 }, (_, seed) => openRandom(seed).hex(16));
    expect(new Set(streams).size).toBe(50);
  });

  it("draws units whose mean is within 5 standard errors of a half", () => {
    const random = openRandom(3);
    const count = 20_000;
    const sum = Array.from({ length: count }, random.unit).reduce((a, b) => a + b, 0);
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(5 / Math.sqrt(12 * count));
  });
});

describe("drawWith", () => {
  it("puts Math.random back after the call", () => {
    const native = Math.random;
    drawWith(openRandom(1), () => Math.random());
    expect(Math.random).toBe(native);
  });

  it("puts Math.random back when the call throws", () => {
    const native = Math.random;
    expect(() =>
      drawWith(openRandom(1), () => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(Math.random).toBe(native);
  });
});
