import { describe, expect, it } from "vitest";
import type { CutView, DecisionView, HistoryView, StatusView } from "../../../control/api/views.ts";
import { type Certified, type Ledger, openLedger } from "../../../control/demo/ledger.ts";
import { buildResult, type Measured } from "../../../control/demo/result.ts";
import { ROUTES } from "../../../control/demo/traffic/request.ts";

const cut = (bin: number): CutView => ({ score: bin / 4096, bin, source: "learned" });

const TABLES = { a: 100, b: 200, c: 4096, d: 300 } as const;
const isBot = (n: number): boolean => n % 3 === 0;

function writeSent(n: number): Ledger["sent"][number] {
  const bot = isBot(n);
  const truth = { class: "people", family: "", slips: [], route: "search", bot } as const;
  const answer = bot ? { upstream: "robots", tag: "bot" } : { upstream: "shop", tag: null };
  return { n, id: `${n}`, phase: n < 6 ? "tag" : "release", truth, ok: n !== 5, ...answer };
}

const writeDecision = (n: number): DecisionView => ({
  requestId: `${n}`,
  node: "",
  at: n,
  status: "base",
  reason: n === 1 ? "no-table" : "below-cut",
  tableDigest: "abcd"[Math.floor(n / 3)] ?? "",
  code: 200,
  model: "bot",
  segment: "search",
  bin: [250, 50, 150][n % 3] ?? 0,
  tag: null,
  arm: "free",
});

const certificate = { certified: true, k: 0, n: 460, needed: 455, bound: 0.009, reason: "" };
const certifyAll = (began: number, cause: string): Certified[] =>
  ROUTES.map((route) => {
    return { route, at: began + 2, began, cause, cut: cut(1), certificate, ackMs: 1 };
  });

/**
 * Twelve requests, one a millisecond, the release with the seventh: three of search under each of
 * the four tables. The first of each three is a bot of bin 250, the others are people of the bins
 * 50 and 150.
 */
function writeLedger(): Ledger {
  const numbers = Array.from({ length: 12 }, (_, n) => n);
  const cuts = Object.entries(TABLES).map(([table, bin]) => [table, { search: cut(bin) }] as const);
  return {
    sent: numbers.map(writeSent),
    decisions: numbers.map(writeDecision),
    cuts: new Map(cuts),
    certified: [...certifyAll(0, "first"), ...certifyAll(7, "alarm")],
  };
}

const alarm = { what: "alarm", at: 7 } as HistoryView;
const statusOf = (began: number): StatusView =>
  ({ models: [{ claims: [{ began }] }], log: { lost: 3 }, labels: null }) as unknown as StatusView;
const measured: Measured = {
  seed: 1,
  cpuUsPerRequest: null,
  envoy: "",
  filterBytes: 0,
  tableBytes: null,
  seconds: 0,
  outage: null,
  uncertifiable: null,
  hand: cut(150),
  pushes: [],
  status: statusOf(7),
  events: [alarm],
};
const { result } = buildResult(writeLedger(), measured);

describe("buildResult", () => {
  it("takes as stale the cut that was live when the release came", () => {
    expect(result.routes.search.after.stale.cut).toBe(200 / 4096);
  });

  it("takes as learned the last cut of each period", () => {
    const { before, after } = result.routes.search;
    expect([before.learned.cut, after.learned.cut]).toEqual([200 / 4096, 300 / 4096]);
  });

  it("puts all requests of a period under the hand-set cut", () => {
    expect(result.routes.search.after.hand).toMatchObject({ fpr: 0.5, recall: 1 });
  });

  it("counts decisions from the release to the alarm and to the last certificate", () => {
    expect([result.alarmAfter, result.relearnAfter]).toEqual([2, 4]);
  });

  it("counts what failed, what was unscored, what went to the robots and what was lost", () => {
    const { failed, unscored, rerouted, loss } = result;
    expect({ failed, unscored, rerouted, loss }).toEqual({
      failed: 1,
      unscored: 1,
      rerouted: 4,
      loss: 3,
    });
  });

  it("names routes that were certified again before another alarm only", () => {
    const again = buildResult(writeLedger(), { ...measured, status: statusOf(9) }).result;
    expect(again.failures).toContain(
      "search, login, checkout, orders: no certificate was ACKed by the end",
    );
    expect(result.failures.join()).not.toContain("no certificate");
  });

  it("names nothing but the labels when they can certify nothing", () => {
    const why = "search: 60.0% of the audit slice is labelled";
    const stopped = buildResult(openLedger(), { ...measured, uncertifiable: why }).result;
    expect(stopped.failures).toEqual([why]);
  });
});
