import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Audit,
  burstFactor,
  type Claim,
  certifiesClaim,
  countAllowed,
  countNeeded,
  coversCut,
  shareRisk,
  walkFpr,
} from "../../../../control/learn/certify/walk.ts";

const one: Claim = { rate: 0.01, risk: 0.1, looks: "one" };
const repeated: Claim = { ...one, looks: "repeated" };
const empty: Audit = { positives: new Map(), negatives: new Map() };
const auditOf = (negatives: [number, number][], positives: [number, number][] = []): Audit => ({
  negatives: new Map(negatives),
  positives: new Map(positives),
});

/** Every one of the 4,096 cuts from the top, one test each, down to the first failure. */
function walkDully({ negatives, positives, unlabelled }: Audit, claim: Claim) {
  const sumFrom = (counts: ReadonlyMap<number, number> | undefined, cut: number): number =>
    [...(counts ?? [])].reduce((sum, [bin, count]) => sum + (bin >= cut ? count : 0), 0);
  const n = sumFrom(negatives, 0);
  let best = 4096;
  for (let cut = 4095; cut >= 0; cut--) {
    const k = sumFrom(negatives, cut) + sumFrom(unlabelled, cut);
    if (k > n || !certifiesClaim(k, n, claim)) break;
    const isSeen = [negatives, positives, unlabelled].some((counts) => (counts?.get(cut) ?? 0) > 0);
    if (isSeen) best = cut;
  }
  return best;
}

const histograms = fc
  .array(fc.tuple(fc.integer({ min: 3_900, max: 4_095 }), fc.integer({ min: 1, max: 4 })), {
    maxLength: 12,
  })
  .map((entries) => new Map(entries));

describe("walkFpr", () => {
  it("finds the cut of a dull walk over all cuts", () => {
    const audits = fc.record({
      negatives: fc
        .tuple(histograms, fc.integer({ min: 1, max: 1_500 }))
        .map(([top, rest]) => new Map([...top, [100, rest]])),
      positives: histograms,
      unlabelled: histograms,
    });
    fc.assert(
      fc.property(audits, fc.constantFrom(one, repeated), (audit, claim) => {
        expect(walkFpr(audit, claim).cut).toBe(walkDully(audit, claim));
      }),
      { numRuns: 40 },
    );
  });

  it("takes a bin whole: hundreds of negatives that share it keep the cut above it", () => {
    const found = walkFpr(
      auditOf(
        [
          [3000, 400],
          [10, 1600],
        ],
        [[3500, 20]],
      ),
      repeated,
    );
    expect([found.cut, found.k, found.n]).toEqual([3500, 0, 2000]);
  });

  it("stays at the cut while its bound is the objective or less", () => {
    const found = walkFpr(
      auditOf([
        [4000, 3],
        [10, 997],
      ]),
      one,
    );
    expect(found).toMatchObject({ cut: 4000, certified: true, k: 3, n: 1000 });
    expect(found.bound).toBeLessThanOrEqual(0.01);
  });

  it("certifies none when enough negatives share the top bin", () => {
    expect(walkFpr(auditOf([[4095, 1000]]), repeated)).toMatchObject({
      cut: 4096,
      certified: true,
      bound: 0,
      reason: "nothing can be tagged within 1% of 1000 negatives",
    });
  });

  it("says how many negatives are missing", () => {
    expect(walkFpr(auditOf([[10, 136]]), { ...repeated, risk: 0.025 })).toMatchObject({
      cut: 4096,
      certified: false,
      bound: null,
      reason: "136 of 455 negatives until certified",
    });
  });

  it("gives none, not certified, without a decision", () => {
    expect(walkFpr(empty, one)).toMatchObject({ cut: 4096, certified: false, n: 0 });
  });

  it("gives none, not certified, for positives alone", () => {
    expect(walkFpr(auditOf([], [[4000, 5000]]), one)).toMatchObject({
      cut: 4096,
      certified: false,
    });
  });

  it("counts decisions without a label as false positives", () => {
    const labelled = auditOf([[10, 1000]], [[4000, 50]]);
    const holes = { ...labelled, unlabelled: new Map([[4000, 30]]) };
    expect([walkFpr(labelled, repeated).cut, walkFpr(holes, repeated).cut]).toEqual([4000, 4096]);
  });

  it("divides counts by a burst factor above 1.2, and says so", () => {
    const audit = auditOf([[10, 400]], [[4000, 9]]);
    const [near, above] = [1.2, 1.5].map((burst) => walkFpr(audit, { ...repeated, burst }));
    expect([near?.certified, above?.certified]).toEqual([true, false]);
    expect(above).toMatchObject({ approximate: true, needed: Math.ceil(297 * 1.5) });
  });
});

describe("countAllowed", () => {
  it("is the last count that certifies", () => {
    for (const claim of [one, repeated]) {
      for (const n of [297, 500, 1_000, 20_000]) {
        const allowed = countAllowed(n, claim);
        expect([allowed, allowed + 1].map((k) => certifiesClaim(k, n, claim))).toEqual([
          true,
          false,
        ]);
      }
    }
  });
});

describe("countNeeded", () => {
  it("is 230 at one look, 297 at repeated looks and 455 with four segments at once", () => {
    const four = { ...repeated, risk: shareRisk(0.1, 4) };
    expect([one, repeated, four].map(countNeeded)).toEqual([230, 297, 455]);
  });
});

describe("burstFactor", () => {
  it("is sum k^2 / sum k", () => {
    expect(burstFactor([1, 1, 4])).toBe(3);
  });

  it("is 1 without false positives", () => {
    expect(burstFactor([])).toBe(1);
  });
});

describe("coversCut", () => {
  it("covers the cut and every higher one, none lower", () => {
    const found = walkFpr(auditOf([[10, 1000]], [[4000, 9]]), one);
    expect([3999, 4000, 4001, 4096].map((cut) => coversCut(found, cut))).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it("covers nothing when nothing is certified", () => {
    expect(coversCut(walkFpr(empty, one), 4096)).toBe(false);
  });
});
