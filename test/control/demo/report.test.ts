import { describe, expect, it } from "vitest";
import type { CutView, DecisionView, StatusView } from "../../../control/api/views.ts";
import {
  type Judged,
  judgeDecisions,
  noteTable,
  openLedger,
  shareAbove,
} from "../../../control/demo/ledger.ts";
import { compareCuts, listFailures, shareAtEnd } from "../../../control/demo/report.ts";

const cut = (bin: number, source = "learned"): CutView => ({ score: bin / 4096, bin, source });
const judged = (bin: number | null, bot: boolean, own = cut(1000), phase = "a"): Judged => ({
  phase,
  route: "search",
  bot,
  bin,
  cut: own,
});

describe("compareCuts", () => {
  // By hand: 2 bots (bins 900 and 1500) and 4 people (bins 10, 950, 1200 and one exempt).
  const rows = [
    judged(900, true),
    judged(1500, true),
    judged(10, false),
    judged(950, false),
    judged(1200, false),
    judged(null, false),
  ];
  const { search } = compareCuts(rows, cut(900, "hand"));

  it("counts what the hand-set cut tags, bins equal to it included", () => {
    expect(search?.hand).toEqual({ cut: 900 / 4096, tagged: 4 / 6, fpr: 2 / 4, recall: 1 });
  });

  it("counts what the learned cut tags on the same requests", () => {
    expect(search?.learned).toEqual({ cut: 1000 / 4096, tagged: 2 / 6, fpr: 1 / 4, recall: 0.5 });
  });

  it("judges each decision by the cut it met, not by the last one", () => {
    const moved = [judged(1500, true, cut(2000)), judged(1500, true, cut(1000))];
    expect(compareCuts(moved, cut(900)).search?.learned.recall).toBe(0.5);
  });

  it("gives no recall for a route without bots", () => {
    expect(compareCuts([judged(5, false)], cut(900)).search?.learned.recall).toBeNull();
  });
});

describe("shareAbove", () => {
  it("leaves exempt requests out of the whole", () => {
    expect(shareAbove([judged(1500, true), judged(null, false), judged(3, false)])).toBe(0.5);
  });

  it("is unknown without a scored decision", () => {
    expect(shareAbove([judged(null, false)])).toBeNull();
  });
});

describe("shareAtEnd", () => {
  const run = (count: number, bin: number, phase: string): Judged[] =>
    Array.from({ length: count }, () => judged(bin, false, cut(1000), phase));

  it("looks at the last 3,000 scored decisions before the phase ends", () => {
    const rows = [...run(5000, 1, "a"), ...run(600, 2000, "a"), ...run(4000, 2000, "b")];
    expect(shareAtEnd(rows, "a")).toBe(600 / 3000);
  });

  it("reaches back over a short phase", () => {
    const rows = [...run(5000, 2000, "a"), ...run(1000, 1, "b")];
    expect(shareAtEnd(rows, "b")).toBe(2000 / 3000);
  });
});

describe("listFailures", () => {
  const good = {
    failed: 0,
    unscored: 0,
    rerouted: 100,
    ackedPushes: 2,
    shares: { learned: 0.0625, doubled: 0.0375 },
    objective: 0.05,
  };

  it("is empty at the bounds", () => {
    expect(listFailures(good)).toEqual([]);
  });

  it.each([
    [{ failed: 1 }, "1 requests failed"],
    [{ unscored: 1 }, "1 requests were unscored"],
    [{ rerouted: 99 }, "99 requests were re-routed"],
    [{ ackedPushes: 1 }, "1 learned pushes were ACKed"],
    [{ shares: { doubled: 0.0626 } }, "doubled: 6.3%"],
    [{ shares: { doubled: 0.0374 } }, "doubled: 3.7%"],
    [{ shares: { doubled: null } }, "doubled: unknown"],
  ])("names %j as the one failure", (change, text) => {
    const lines = listFailures({ ...good, ...change });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(text);
  });
});

const status = (tableDigest: string, bin: number, state: "live" | "off" = "live"): StatusView =>
  ({
    state,
    tableDigest,
    models: [{ segments: [{ name: "rest", cuts: { bot: cut(bin) } }] }],
  }) as unknown as StatusView;

describe("judgeDecisions", () => {
  const ledger = openLedger();
  noteTable(ledger, status("aa", 7));
  noteTable(ledger, status("bb", 9, "off"));
  const truth = { class: "people", family: "browser", slips: [], route: "login", bot: false };
  const sent = { phase: "a", truth, ok: true, upstream: "shop", tag: null };
  ledger.sent.push({ ...sent, id: "known" } as never);
  const decision = { requestId: "known", tableDigest: "aa", segment: "rest", bin: 5 };
  ledger.decisions.push(
    decision as DecisionView,
    { ...decision, requestId: "other" } as DecisionView,
    { ...decision, tableDigest: "bb" } as DecisionView,
  );

  it("keeps only decisions whose request and table are known", () => {
    expect(judgeDecisions(ledger)).toEqual([
      { phase: "a", route: "login", bot: false, bin: 5, cut: cut(7) },
    ]);
  });
});
