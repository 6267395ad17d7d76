import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CutView, HistoryView } from "../../../control/api/views.ts";
import type { Judged } from "../../../control/demo/ledger.ts";
import { drawPicture } from "../../../control/demo/picture.ts";
import { drawPoints, type Points } from "../../../control/demo/points.ts";

const FOLDER = join(import.meta.dirname, "../../../control/demo");
const cut = (bin: number): CutView => ({ score: 0, bin, source: "" });

// 600 decisions, one a millisecond: every fifth a bot of bin 90, people of bin 50; the live cut is
// 40 in the first 250 and 60 after them.
const decisions = Array.from({ length: 600 }, (_, at) => ({
  at,
  bot: at % 5 === 0,
  bin: at % 5 === 0 ? 90 : 50,
  cut: cut(at < 250 ? 40 : 60),
})) as Judged[];
const event = (what: string, at: number, by = "limen", why = "search: certified") =>
  ({ what, at, by, why }) as HistoryView;

describe("drawPoints", () => {
  const events = [
    event("pushed", 249),
    event("alarm", 300),
    event("pushed", 301, "limen", "alarm"),
    event("pushed", 400, "demo", "bot.mode=tag"),
  ];
  const drawn = drawPoints(decisions, events, cut(95), 260);

  it("makes a point of each full 250 decisions", () => {
    expect(drawn.points).toHaveLength(2);
  });

  it("counts the live cut of each decision and the hand-set cut for all", () => {
    expect(drawn.points.map(({ live }) => live)).toEqual([
      { fpr: 1, recall: 1 },
      { fpr: 0, recall: 1 },
    ]);
    expect(drawn.points[0]?.hand).toEqual({ fpr: 0, recall: 0 });
  });

  it("marks the release, alarms, and pushes that learning made", () => {
    expect(drawn.marks).toEqual([
      { at: 260, what: "release" },
      { at: 250, what: "push" },
      { at: 301, what: "alarm" },
    ]);
  });
});

describe("drawPicture", () => {
  const share = (fpr: number | null, recall: number | null = null) => ({ fpr, recall });
  const points: Points = {
    step: 100,
    points: [
      { hand: share(0.1), live: share(0) },
      { hand: share(null), live: share(0) },
      { hand: share(0.2), live: share(0) },
    ],
    marks: [],
  };
  const paths = [...drawPicture(points).matchAll(/<path d="([^"]*)" fill="none"/g)].map(
    ([, path]) => path ?? "",
  );

  it("breaks a line where nothing is known", () => {
    expect(paths[0]?.match(/[ML]/g)).toEqual(["M", "M"]);
  });

  it("draws a larger share higher up", () => {
    const heights = [...(paths[0] ?? "").matchAll(/ ([\d.]+)/g)].map(([, y]) => Number(y));
    expect(heights[1]).toBeLessThan(heights[0] ?? 0);
  });

  it("draws the committed picture from the committed points, byte for byte", () => {
    const stored = JSON.parse(readFileSync(join(FOLDER, "demo.json"), "utf8")) as Points;
    expect(drawPicture(stored)).toBe(readFileSync(join(FOLDER, "demo.svg"), "utf8"));
  });
});
