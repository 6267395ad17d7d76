import { describe, expect, it } from "vitest";
import type { HistoryView } from "../../../control/api/views.ts";
import type { Certified, Judged } from "../../../control/demo/ledger.ts";
import {
  countUntil,
  findRelease,
  listUncertified,
  placeAlarms,
  placeRelearn,
} from "../../../control/demo/timeline.ts";

// One decision a millisecond; the release begins with the one at 10.
const decisions = Array.from({ length: 40 }, (_, at) => ({
  at,
  phase: at < 10 ? "tag" : "release",
})) as Judged[];
const alarm = (at: number): HistoryView => ({ what: "alarm", at }) as HistoryView;
const certified = (route: string, at: number, cause: string): Certified =>
  ({ route, at, cause, began: at }) as Certified;
const ROUTES = ["search", "login", "checkout", "orders"];

describe("findRelease", () => {
  it("is the place of its first decision", () => {
    expect(findRelease(decisions)).toBe(10);
  });

  it("is behind all of them when there was no release", () => {
    expect(findRelease(decisions.slice(0, 10))).toBe(10);
  });
});

describe("countUntil", () => {
  it("counts what was taken in by then, the same millisecond included", () => {
    expect(countUntil(decisions, 10, 12)).toBe(3);
  });
});

describe("placeAlarms", () => {
  it("counts decisions from the release to the first alarm", () => {
    const pushed = { what: "pushed", at: 12 } as HistoryView;
    expect(placeAlarms(decisions, [pushed, alarm(14), alarm(20)], 10)).toEqual({
      before: 0,
      after: 5,
    });
  });

  it("tells alarms before the release", () => {
    expect(placeAlarms(decisions, [alarm(9)], 10)).toEqual({ before: 1, after: null });
  });
});

describe("placeRelearn", () => {
  const again = ROUTES.map((route, index) => certified(route, 20 + index, "alarm"));

  it("is the decisions until the last route was certified after the alarm", () => {
    expect(placeRelearn(decisions, again, 10)).toBe(14);
  });

  it("is unknown while a route has only its first certificate", () => {
    const first = certified("orders", 5, "first");
    expect(placeRelearn(decisions, [...again.slice(0, 3), first], 10)).toBeNull();
  });
});

describe("listUncertified", () => {
  it("names the routes without a certificate of that kind", () => {
    const found = [certified("login", 1, "first"), certified("orders", 1, "alarm")];
    expect(listUncertified(found, ({ cause }) => cause === "first")).toEqual([
      "search",
      "checkout",
      "orders",
    ]);
  });
});
