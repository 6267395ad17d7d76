import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addCohort,
  auditOf,
  type ClosedCohort,
  continueEpoch,
  type Epoch,
  type EpochIdentity,
  FINAL_LABELS,
  openEpoch,
  restartEpoch,
} from "../../../../control/learn/certify/epoch.ts";
import { ARM_AUDIT, ARM_COUNT } from "../../../../models/decision.ts";

const identity: EpochIdentity = {
  modelDigest: "00ff",
  windowMs: 2_000,
  segments: "login search",
  objective: "fpr:0.01",
};
const BEGAN = 1_000;
const open = (): Epoch => openEpoch(identity, BEGAN, "first");
const count = (segment: string, bin: number, label: (typeof FINAL_LABELS)[number], times = 1) => ({
  segment,
  arm: ARM_AUDIT,
  bin,
  label,
  count: times,
});

const cohorts = fc.array(
  fc.record({
    from: fc.integer({ min: 0, max: 3_000 }),
    counts: fc.array(
      fc.record({
        segment: fc.constantFrom("login", "search", "__proto__", "constructor"),
        arm: fc.integer({ min: 0, max: ARM_COUNT - 1 }),
        bin: fc.integer({ min: 0, max: 4_095 }),
        label: fc.constantFrom(...FINAL_LABELS),
        count: fc.integer({ min: 0, max: 9 }),
      }),
      { maxLength: 8 },
    ),
  }),
  { maxLength: 8 },
);

function countDully(list: readonly ClosedCohort[], segment: string, bin: number, label: string) {
  let sum = 0;
  for (const { from, counts } of list) {
    for (const each of counts) {
      const isMeant = each.segment === segment && each.bin === bin && each.label === label;
      if (from >= BEGAN && each.arm === ARM_AUDIT && isMeant) sum += each.count;
    }
  }
  return sum;
}

describe("addCohort", () => {
  it("counts the audit arm of cohorts within the epoch, cumulatively", () => {
    fc.assert(
      fc.property(cohorts, (list) => {
        const epoch = list.reduce(addCohort, open());
        for (const { segment, bin, label } of list.flatMap((cohort) => cohort.counts)) {
          const audit = auditOf(epoch, segment);
          const found = {
            positive: audit.positives,
            negative: audit.negatives,
            unlabelled: audit.unlabelled,
          }[label].get(bin);
          expect(found ?? 0).toBe(countDully(list, segment, bin, label));
        }
      }),
    );
  });

  it("gives the same value in any order", () => {
    fc.assert(
      fc.property(cohorts, (list) => {
        expect([...list].reverse().reduce(addCohort, open())).toEqual(
          list.reduce(addCohort, open()),
        );
      }),
    );
  });

  it("leaves the epoch it was given as it was", () => {
    const epoch = open();
    addCohort(epoch, { from: BEGAN, counts: [count("login", 5, "negative")] });
    expect(epoch).toEqual(open());
  });

  it("survives plain JSON", () => {
    const epoch = addCohort(open(), { from: BEGAN, counts: [count("login", 5, "negative", 3)] });
    expect(auditOf(JSON.parse(JSON.stringify(epoch)) as Epoch, "login")).toEqual(
      auditOf(epoch, "login"),
    );
  });

  it("leaves out a cohort that began before the epoch", () => {
    const counts = [count("login", 5, "negative")];
    expect(addCohort(open(), { from: BEGAN - 1, counts })).toEqual(open());
    expect(addCohort(open(), { from: BEGAN, counts })).not.toEqual(open());
  });
});

describe("continueEpoch", () => {
  it("keeps the epoch while what it depends on is the same", () => {
    const epoch = open();
    expect(continueEpoch(epoch, { ...identity }, 9_000)).toBe(epoch);
  });

  it.each([
    ["model", { modelDigest: "00fe" }],
    ["window", { windowMs: 3_000 }],
    ["segments", { segments: "login" }],
    ["objective", { objective: "fpr:0.02" }],
  ])("begins an epoch with nothing counted when the %s changes", (cause, change) => {
    const counted = addCohort(open(), { from: BEGAN, counts: [count("login", 5, "positive")] });
    expect(continueEpoch(counted, { ...identity, ...change }, 9_000)).toEqual({
      began: 9_000,
      cause,
      identity: { ...identity, ...change },
      segments: {},
    });
  });
});

describe("restartEpoch", () => {
  it("begins an epoch of the same identity after an alarm", () => {
    expect(restartEpoch(open(), 7_000)).toEqual(openEpoch(identity, 7_000, "alarm"));
  });
});

describe("auditOf", () => {
  it("is empty for a segment nothing was counted of", () => {
    expect(auditOf(open(), "login").negatives.size).toBe(0);
  });
});
