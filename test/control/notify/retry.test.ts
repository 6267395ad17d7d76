import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../control/notify/attempt.ts";
import { planRetry } from "../../../control/notify/retry.ts";

const answered = (status: number, retryAfterMs = 0): Outcome => ({ status, retryAfterMs });
const UNREACHABLE: Outcome = { status: null, fault: "ECONNREFUSED", retryAfterMs: 0 };

/** All waits of a message whose attempts end so, in milliseconds. */
function listWaits(outcomeOf: (attempt: number) => Outcome, randomOf: (n: number) => number) {
  const waits: number[] = [];
  for (let retries = 0; retries < 100; retries++) {
    const waitedMs = waits.reduce((sum, ms) => sum + ms, 0);
    const ms = planRetry(outcomeOf(retries), { retries, waitedMs, random: randomOf(retries) });
    if (ms === null) return waits;
    waits.push(ms);
  }
  return waits;
}

describe("planRetry", () => {
  it.each([UNREACHABLE, ...[429, 500, 502, 503, 504, 599].map((status) => answered(status))])(
    "tries again after $status",
    (outcome) => {
      expect(planRetry(outcome, { retries: 0, waitedMs: 0, random: 0 })).not.toBeNull();
    },
  );

  it.each([204, 301, 302, 307, 400, 401, 404, 408, 410, 428, 430, 499])(
    "gives up after %d",
    (status) => {
      expect(planRetry(answered(status), { retries: 0, waitedMs: 0, random: 0 })).toBeNull();
    },
  );

  it("waits six times, each wait twice the one before, at the short end of the draw", () => {
    const seconds = listWaits(
      () => UNREACHABLE,
      () => 0,
    ).map((ms) => ms / 1_000);
    expect(seconds).toEqual([2, 4, 8, 16, 32, 64]);
  });

  it("waits up to twice as long at the long end of the draw", () => {
    const seconds = listWaits(
      () => UNREACHABLE,
      () => 1 - 2 ** -32,
    ).map((ms) => Math.round(ms / 1_000));
    expect(seconds).toEqual([4, 8, 16, 32, 64, 128]);
  });

  it("waits as long as Retry-After asks when that is longer", () => {
    expect(planRetry(answered(429, 60_000), { retries: 0, waitedMs: 0, random: 0 })).toBe(60_000);
  });

  it("waits no shorter for a Retry-After of zero", () => {
    expect(planRetry(answered(503, 0), { retries: 0, waitedMs: 0, random: 0 })).toBe(2_000);
  });

  it("ends within 6 retries and 5 minutes, attempts of 5 s included, whatever is answered", () => {
    const outcome = fc.oneof(
      fc.constant(UNREACHABLE),
      fc.tuple(fc.constantFrom(429, 503), fc.nat(1_000_000)).map(([s, ms]) => answered(s, ms)),
    );
    const step = fc.tuple(outcome, fc.double({ min: 0, max: 0.999, noNaN: true }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 10 }), (steps) => {
        const waits = listWaits(
          (n) => steps[n]?.[0] ?? UNREACHABLE,
          (n) => steps[n]?.[1] ?? 0,
        );
        const total = waits.reduce((sum, ms) => sum + ms, 0) + 5_000 * (waits.length + 1);
        return waits.length <= 6 && total <= 300_000;
      }),
    );
  });
});
