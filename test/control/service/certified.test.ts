import { describe, expect, it } from "vitest";
import type { LoadedModel } from "../../../control/desired.ts";
import type { CohortHistogram } from "../../../control/learn/alert.ts";
import {
  type CertifiedLook,
  certifyModel,
  type NumberedCohort,
  type Tracking,
  withdrawModel,
} from "../../../control/service/certified.ts";
import { bookPushed, describeAlarm, noteScored } from "../../../control/service/watching.ts";
import { checkModelSettings } from "../../../control/settings.ts";
import { ARM_AUDIT } from "../../../models/decision.ts";
import { aModel } from "../../support/builders.ts";

const { name: _name, tags, modes: _modes, cuts: _cuts, ...score } = aModel();
const model: LoadedModel = {
  name: "bot",
  score,
  features: [],
  digest: "00",
  tags,
  tagNames: ["bot"],
  bounds: {},
  presets: { cuts: {}, objective: null },
};
const own = checkModelSettings({ bot: { objective: "fpr:0.01", scope: "segment" } }, "test");
const KEY = "bot/rest/bot";
/** 1,000 decisions a cohort: 900 far below, 60 people in the middle, 40 bots on top. */
const recent = (cohort: number): CohortHistogram => ({
  cohort,
  segments: new Map([
    [
      "rest",
      new Map([
        [100, 900],
        [2000, 60],
        [3500, 40],
      ]),
    ],
  ]),
});
const closed = (cohort: number, from: number): NumberedCohort => ({
  cohort,
  from,
  counts: [
    { segment: "rest", arm: ARM_AUDIT, bin: 100, label: "negative", count: 900 },
    { segment: "rest", arm: ARM_AUDIT, bin: 2000, label: "negative", count: 60 },
    { segment: "rest", arm: ARM_AUDIT, bin: 3500, label: "positive", count: 40 },
  ],
});

function look(
  tracking: Tracking,
  parts: { live?: number; closed?: NumberedCohort[]; past?: Record<string, string>; now?: number },
): CertifiedLook {
  const live = parts.live ?? 4096;
  return certifyModel(tracking, {
    model,
    own,
    segments: ["rest"],
    learned: {},
    windowMs: 2_000,
    cohorts: [recent(1)],
    closed: parts.closed ?? [],
    past: parts.past ?? {},
    live: () => ({ rest: live }),
    now: parts.now ?? 1_000,
  });
}
const book = (tracking: Tracking, before: number, after: number) =>
  bookPushed(
    tracking,
    "bot",
    { before: () => ({ rest: before }), after: () => ({ rest: after }) },
    [recent(1)],
    2_000,
  );

describe("certifyModel", () => {
  it("begins an epoch that the history keeps", () => {
    const [text] = Object.values(look(new Map(), {}).epochs);
    expect(JSON.parse(text ?? "")).toMatchObject({ began: 1_000, cause: "first" });
  });

  it("counts a cohort once, however often it looks", () => {
    const tracking: Tracking = new Map();
    for (const _ of [1, 2, 3]) look(tracking, { closed: [closed(1, 1_000)] });
    expect([...tracking.values()][0]?.certificates["rest"]?.n).toBe(960);
  });

  it("counts no cohort that began before the epoch", () => {
    const tracking: Tracking = new Map();
    look(tracking, { closed: [closed(0, 999)] });
    expect([...tracking.values()][0]?.certificates["rest"]?.n).toBe(0);
  });

  it("goes on with the epoch of the history after a restart", () => {
    const { epochs } = look(new Map(), {});
    const again = look(new Map(), { past: epochs, now: 9_000, closed: [closed(1, 1_500)] });
    expect([again.epochs, again.learned]).toEqual([{}, { [KEY]: 3500 }]);
  });

  it("begins a new epoch when the window of the labels has changed", () => {
    const { epochs } = look(new Map(), {});
    const [key = "", text = ""] = Object.entries(epochs)[0] ?? [];
    const other = JSON.parse(text);
    other.identity.windowMs = 60_000;
    const again = look(new Map(), { past: { [key]: JSON.stringify(other) }, now: 9_000 });
    expect(JSON.parse(again.epochs[key] ?? "")).toMatchObject({ began: 9_000, cause: "window" });
  });
});

describe("the breaker over a certified cut", () => {
  const alarmAfter = (tracking: Tracking, isTagged: (n: number) => boolean, most: number) => {
    for (let n = 1; n <= most; n++) {
      const found = noteScored(tracking, "bot", "rest", isTagged(n) ? 3600 : 100);
      if (found) return { n, text: describeAlarm(found.alarm) };
    }
    return null;
  };
  const aTracking = (): Tracking => {
    const tracking: Tracking = new Map();
    look(tracking, { closed: [closed(1, 1_000)] });
    book(tracking, 4096, 3500);
    return tracking;
  };

  it("keeps quiet while the tagged share is the certified one", () => {
    expect(alarmAfter(aTracking(), (n) => n % 25 === 0, 20_000)).toBeNull();
  });

  it("alarms within 1,000 decisions when a third is tagged instead of 4%", () => {
    const alarm = alarmAfter(aTracking(), (n) => n % 3 === 0, 1_000);
    expect(alarm?.text).toMatch(/^rest: 3\d\.\d% of \d+ decisions at or above the cut/);
  });

  it("is not there while nothing is tagged", () => {
    const tracking: Tracking = new Map();
    look(tracking, { closed: [] });
    expect(alarmAfter(tracking, () => true, 2_000)).toBeNull();
  });
});

describe("withdrawModel", () => {
  it("takes every certified cut away and begins an epoch with nothing counted", () => {
    const tracking: Tracking = new Map();
    look(tracking, { closed: [closed(1, 1_000)] });
    book(tracking, 4096, 3500);
    const { learned, epochs } = withdrawModel(tracking, model, own, ["rest"], 5_000);
    expect(learned).toEqual({ [KEY]: 4096 });
    expect(JSON.parse(Object.values(epochs)[0] ?? "")).toMatchObject({
      began: 5_000,
      cause: "alarm",
    });
    look(tracking, { closed: [closed(1, 1_000)], past: epochs });
    expect([...tracking.values()][0]?.certificates["rest"]?.n).toBe(0);
  });
});
