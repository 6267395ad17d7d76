import { describe, expect, it } from "vitest";
import { writeSentence } from "../../../../control/learn/certify/sentence.ts";

const figures = { began: Date.UTC(2026, 10, 21, 9, 5, 7), confidence: 0.9, rate: 0.01 };

describe("writeSentence", () => {
  it("says the whole claim with its figures", () => {
    expect(writeSentence({ ...figures, windowMs: 86_400_000 })).toBe(
      "Since the epoch began (2026-11-21 09:05:07 UTC), with 90% confidence none of the cuts certified in it would tag more than 1% of the requests not reported positive within 1 day, as measured on a random audit slice, while traffic in the epoch stays alike; if a monitor disagrees, the certificate is withdrawn and the safe cut applies.",
    );
  });

  it.each([
    [2_000, "within 2 seconds,"],
    [90_000, "within 90 seconds,"],
    [5_400_000, "within 90 minutes,"],
    [3_600_000, "within 1 hour,"],
    [1_500, "within 1500 milliseconds,"],
  ])("writes a window of %d ms in whole units", (windowMs, words) => {
    expect(writeSentence({ ...figures, windowMs })).toContain(words);
  });

  it("writes shares without the noise of doubles", () => {
    const text = writeSentence({
      ...figures,
      confidence: 1 - 0.1 / 4,
      rate: 0.07,
      windowMs: 1_000,
    });
    expect(text).toContain("with 97.5% confidence");
    expect(text).toContain("more than 7% of");
  });
});
