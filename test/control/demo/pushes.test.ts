import { describe, expect, it } from "vitest";
import type { HistoryView } from "../../../control/api/views.ts";
import { listPushes } from "../../../control/demo/pushes.ts";

const event = (n: number, what: string, tableDigest: string, ms?: number): HistoryView => ({
  n,
  at: n,
  what,
  by: "someone",
  why: "",
  // An ACK names the resource only.
  tableDigest: what === "acked" ? "" : tableDigest,
  resourceDigest: `r-${tableDigest}`,
  serial: n,
  ...(ms === undefined ? {} : { ms }),
});
const cuts = new Map([
  ["hand", { rest: { score: 0.5, bin: 10, source: "hand" } }],
  ["one", { rest: { score: 0.8, bin: 20, source: "learned" } }],
  ["same", { rest: { score: 0.8, bin: 20, source: "learned" } }],
  ["two", { rest: { score: 0.9, bin: 30, source: "learned" } }],
]);
const pushes = listPushes(
  [
    event(1, "pushed", "base"),
    event(2, "pushed", "hand"),
    event(3, "acked", "hand", 9),
    event(4, "pushed", "one"),
    event(5, "acked", "one", 7),
    event(6, "acked", "one", 99),
    event(7, "pushed", "same"),
    event(8, "pushed", "two"),
    event(9, "pushed", "two"),
  ],
  cuts,
);

describe("listPushes", () => {
  it("lists each table with cuts once, in order", () => {
    expect(pushes.map(({ tableDigest }) => tableDigest)).toEqual(["hand", "one", "same", "two"]);
  });

  it("calls a push learned when it brings a learned cut that was not served before", () => {
    expect(pushes.map(({ learned }) => learned)).toEqual([false, true, false, true]);
  });

  it("takes the time of the first ACK", () => {
    expect(pushes.map(({ ms }) => ms)).toEqual([9, 7, null, null]);
  });

  it("knows which pushes were never ACKed", () => {
    expect(pushes.map(({ acked }) => acked)).toEqual([true, true, false, false]);
  });
});
