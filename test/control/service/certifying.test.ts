import { describe, expect, it } from "vitest";
import type { CohortHistogram } from "../../../control/learn/alert.ts";
import {
  addCohort,
  type CohortCount,
  type Epoch,
  openEpoch,
} from "../../../control/learn/certify/epoch.ts";
import {
  type CertifyInput,
  certifyTag,
  measureCoverage,
} from "../../../control/service/certifying.ts";
import { ARM_AUDIT } from "../../../models/decision.ts";

const identity = { modelDigest: "00", windowMs: 2_000, segments: "", objective: "fpr:0.01" };

const aCount = (
  segment: string,
  bin: number,
  label: CohortCount["label"],
  count: number,
): CohortCount => ({
  segment,
  arm: ARM_AUDIT,
  bin,
  label,
  count,
});
const anEpoch = (counts: CohortCount[]): Epoch =>
  addCohort(openEpoch(identity, 0, "first"), { from: 0, counts });
const recent = (bins: Record<number, number>): CohortHistogram[] => [
  {
    cohort: 1,
    segments: new Map([
      ["login", new Map(Object.entries(bins).map(([bin, count]) => [Number(bin), count]))],
    ]),
  },
];
const look = (epoch: Epoch, parts: Partial<CertifyInput> = {}) =>
  certifyTag({
    model: "bot",
    tag: "bot",
    epoch,
    cohorts: recent({ 100: 900, 3000: 50, 3900: 50 }),
    live: { login: 4096 },
    frontier: {},
    lastLowered: null,
    now: 10_000,
    settings: {
      rate: 0.01,
      confidence: 0.9,
      simultaneous: false,
      scope: "segment",
      otherwise: "none",
      windowMs: 2_000,
      segments: ["login"],
    },
    ...parts,
  });
const KEY = "bot/login/bot";
/** 297 is the least number of negatives that certifies 1% at 90%. */
const few = anEpoch([aCount("login", 100, "negative", 296)]);
const enough = anEpoch([
  aCount("login", 100, "negative", 600),
  aCount("login", 3000, "positive", 40),
]);

describe("certifyTag", () => {
  it("says how many negatives it still needs", () => {
    expect(look(few).waiting).toBe("login: 296 of 297 negatives until certified");
  });

  it("takes away a cut that nothing certifies", () => {
    expect(look(few, { live: { login: 2000 } }).learned).toEqual({ [KEY]: 4096 });
  });

  it("keeps it when the safe answer is keep", () => {
    const { settings } = inputOf();
    const kept = look(few, { live: { login: 2000 }, settings: { ...settings, otherwise: "keep" } });
    expect(kept.learned).toEqual({});
  });

  it("puts the first certified cut down to the lowest bin that holds no negative", () => {
    expect(look(enough).learned).toEqual({ [KEY]: 3000 });
  });

  it("never raises a cut that this epoch has certified", () => {
    const later = addCohort(enough, { from: 1, counts: [aCount("login", 3000, "negative", 30)] });
    const answer = look(later, { live: { login: 3000 }, frontier: { login: 3000 } });
    expect(answer.learned).toEqual({});
  });

  it("raises a cut that no epoch has certified to the certified one", () => {
    expect(look(enough, { live: { login: 50 } }).learned).toEqual({ [KEY]: 3000 });
  });

  it("lowers by at most a doubling of the tagged share", () => {
    const cohorts = recent({ 100: 800, 3000: 100, 3500: 50, 3900: 50 });
    const answer = look(enough, { cohorts, live: { login: 3900 }, frontier: { login: 3900 } });
    expect([answer.learned, answer.lowers]).toEqual([{ [KEY]: 3500 }, true]);
  });

  it("lowers again only after W", () => {
    const parts = { live: { login: 3900 }, frontier: { login: 3900 }, lastLowered: 6_000 };
    expect(look(enough, parts).learned).toEqual({});
    expect(look(enough, { ...parts, now: 11_000 }).learned).toEqual({ [KEY]: 3000 });
  });

  it("asks more of each segment when all shall hold at once", () => {
    const { settings } = inputOf();
    const many = { ...settings, simultaneous: true, segments: ["login", "a", "b", "c"] };
    // d / 4 = .025 takes 455 clean negatives.
    const short = anEpoch([aCount("login", 100, "negative", 454)]);
    expect(look(short, { settings: many }).certificates["login"]?.needed).toBe(455);
  });

  it("counts all segments together with the scope overall, and gives them one cut", () => {
    const { settings } = inputOf();
    const epoch = anEpoch([
      aCount("login", 100, "negative", 200),
      aCount("search", 100, "negative", 200),
      aCount("search", 2500, "positive", 10),
    ]);
    const overall = { ...settings, scope: "overall" as const, segments: ["login", "search"] };
    const answer = look(epoch, { settings: overall, live: { login: 4096, search: 4096 } });
    expect(answer.learned).toEqual({ "bot/login/bot": 2500, "bot/search/bot": 2500 });
  });

  it("certifies nothing on a slice with holes", () => {
    const holes = anEpoch([
      aCount("login", 100, "negative", 600),
      aCount("login", 100, "unlabelled", 20),
    ]);
    expect(look(holes).waiting).toMatch(/96\.8% of the audit slice is labelled, 98% must be/);
  });

  it("calls it certified that nothing can be tagged", () => {
    const hopeless = anEpoch([aCount("login", 4000, "negative", 600)]);
    expect(look(hopeless).certificates["login"]).toMatchObject({ certified: true, cut: 4096 });
  });
});

describe("measureCoverage", () => {
  it("is whole for a slice without decisions", () => {
    expect(measureCoverage({ positives: new Map(), negatives: new Map() })).toBe(1);
  });
});

function inputOf() {
  return {
    settings: {
      rate: 0.01,
      confidence: 0.9,
      simultaneous: false,
      scope: "segment" as const,
      otherwise: "none" as const,
      windowMs: 2_000,
      segments: ["login"],
    },
  };
}
