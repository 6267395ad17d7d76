import { describe, expect, it } from "vitest";
import { openRandom } from "../../../../control/demo/random.ts";
import {
  ALARM_E,
  type Alarm,
  type Breaker,
  noteDecision,
  openBreaker,
  SHARE_MIN,
  START_INTERVAL,
  STARTS_MAX,
  showsDouble,
} from "../../../../control/learn/certify/breaker.ts";
import { logE } from "../../../../control/learn/certify/e-value.ts";

const CUT = 2000;

/** Decisions of one segment, `true` tagged, until the first alarm. */
function feed(breaker: Breaker, tags: readonly boolean[], segment = "a"): [number, Alarm] | null {
  for (const [at, isTagged] of tags.entries()) {
    const alarm = noteDecision(breaker, segment, isTagged ? CUT : CUT - 1, CUT);
    if (alarm) return [at, alarm];
  }
  return null;
}

function drawTags(seed: number, count: number, share: number): boolean[] {
  const random = openRandom(seed);
  return Array.from({ length: count }, () => random.chance(share));
}

/** The definition: E at every start every 100 decisions, the last 60, over the whole history. */
function alarmDully(tags: readonly boolean[], share: number): number | null {
  for (let end = 1; end <= tags.length; end++) {
    const starts = Math.ceil(end / START_INTERVAL);
    for (let start = Math.max(0, starts - STARTS_MAX); start < starts; start++) {
      const seen = tags.slice(start * START_INTERVAL, end);
      const untagged = seen.filter((isTagged) => !isTagged).length;
      if (logE(untagged, seen.length, 1 - 2 * share) >= Math.log(ALARM_E)) return end - 1;
    }
  }
  return null;
}

describe("noteDecision", () => {
  it.each([1, 2, 3])("alarms at the decision the definition alarms at (seed %d)", (seed) => {
    const tags = [...drawTags(seed, 450, 0.05), ...drawTags(seed + 50, 400, 0.3)];
    const wanted = alarmDully(tags, 0.05);
    expect(wanted).toBeGreaterThan(450);
    expect(feed(openBreaker(0.05, {}), tags)?.[0]).toBe(wanted);
  });

  it("forgets starts before the last 60", () => {
    const tags = [...drawTags(4, 7_000, 0.02), ...drawTags(5, 600, 0.3)];
    const breaker = openBreaker(0.05, {});
    feed(breaker, tags);
    expect(breaker.overall.tagged.length).toBe(STARTS_MAX);
  });

  it("says which segment, since how many decisions and how many of them are tagged", () => {
    const breaker = openBreaker(0.4, { a: 0.05, b: 0.05 });
    const found = feed(breaker, new Array<boolean>(50).fill(true), "b");
    expect(found?.[1]).toMatchObject({ segment: "b", share: 0.05 });
    expect(found?.[1].tagged).toBe(found?.[1].decisions);
  });

  it("sees a shift of all that no segment shows alone", () => {
    const segments = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`s${at}`, 0.05]));
    const breaker = openBreaker(0.05, segments);
    const random = openRandom(6);
    let alarm: Alarm | null = null;
    for (let at = 0; at < 1_000 && !alarm; at++) {
      alarm = noteDecision(breaker, `s${at % 40}`, random.chance(0.3) ? CUT : 0, CUT);
    }
    expect(alarm).toMatchObject({ segment: null, share: 0.05 });
  });

  it("passes over decisions under a cut of none", () => {
    const breaker = openBreaker(0.05, { a: 0.05 });
    for (let at = 0; at < 500; at++) expect(noteDecision(breaker, "a", 4095, 4096)).toBeNull();
    expect(breaker).toEqual(openBreaker(0.05, { a: 0.05 }));
  });

  it("counts a bin equal to the cut as tagged", () => {
    const breaker = openBreaker(0.05, {});
    noteDecision(breaker, "a", CUT, CUT);
    expect(breaker.overall.tagged).toEqual([1]);
  });

  it("goes on from plain JSON as if it had not been stopped", () => {
    const tags = [...drawTags(7, 777, 0.05), ...drawTags(8, 600, 0.3)];
    const whole = feed(openBreaker(0.05, { a: 0.05 }), tags);
    const first = openBreaker(0.05, { a: 0.05 });
    expect(feed(first, tags.slice(0, 800))).toBeNull();
    const restored = JSON.parse(JSON.stringify(first)) as Breaker;
    expect(feed(restored, tags.slice(800))?.[1]).toEqual(whole?.[1]);
  });

  it("knows no segment by a name of Object", () => {
    expect(noteDecision(openBreaker(0.05, {}), "constructor", CUT, CUT)).toBeNull();
  });
});

describe("showsDouble", () => {
  it("never alarms when twice the share is all", () => {
    expect(showsDouble(10_000, 10_000, 0.5)).toBe(false);
  });

  it("counts a share of 0 as a thousandth", () => {
    const most = [1, 2, 3, 4, 5, 6, 7].find((tagged) => showsDouble(tagged, 7, 0));
    expect([most, showsDouble(most ?? 0, 7, SHARE_MIN)]).toEqual([expect.any(Number), true]);
    expect(showsDouble(1, 1, 0)).toBe(false);
  });
});
