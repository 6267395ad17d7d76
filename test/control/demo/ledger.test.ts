import { beforeEach, describe, expect, it } from "vitest";
import type { CutView, DecisionView, StatusView } from "../../../control/api/views.ts";
import {
  judgeDecisions,
  type Ledger,
  noteCertified,
  noteTable,
  openLedger,
} from "../../../control/demo/ledger.ts";

type Given = {
  table?: string;
  state?: "live" | "off";
  bin?: number;
  certified?: boolean;
  bound?: number;
  acked?: string;
  began?: number;
};

const cutAt = (bin: number): CutView => ({ score: bin / 4096, bin, source: "learned" });

function status({ table = "aa", state = "live", bin = 7, ...given }: Given = {}): StatusView {
  const { certified = true, bound = 0.009, acked = "r", began = 1 } = given;
  const certificate = { certified, k: 0, n: 460, needed: 455, bound, reason: "" };
  const segment = { name: "login", cuts: { bot: { ...cutAt(bin), certificate } } };
  const proxy = { connected: true, acked, lastAckMs: 9 };
  return {
    state,
    tableDigest: table,
    resourceDigest: "r",
    proxies: [proxy],
    models: [{ claims: [{ began, cause: "first" }], segments: [segment] }],
  } as unknown as StatusView;
}

describe("noteCertified", () => {
  let ledger: Ledger;
  beforeEach(() => {
    ledger = openLedger();
  });

  it("notes a route's certificate once an epoch, and tells of it then", () => {
    expect(noteCertified(ledger, status(), 50).map(({ route, at }) => [route, at])).toEqual([
      ["login", 50],
    ]);
    expect(noteCertified(ledger, status(), 60)).toEqual([]);
    expect(noteCertified(ledger, status({ began: 2 }), 70)).toHaveLength(1);
  });

  it("waits until the proxy has ACKed what is served", () => {
    expect(noteCertified(ledger, status({ acked: "older" }), 50)).toEqual([]);
  });

  it("waits for the push of a certified cut while none is served", () => {
    expect(noteCertified(ledger, status({ bin: 4096 }), 50)).toEqual([]);
  });

  it("takes none itself as certified when nothing can be tagged", () => {
    expect(noteCertified(ledger, status({ bin: 4096, bound: 0 }), 50)).toHaveLength(1);
  });

  it("passes over what is not certified", () => {
    expect(noteCertified(ledger, status({ certified: false }), 50)).toEqual([]);
  });
});

describe("judgeDecisions", () => {
  const ledger = openLedger();
  noteTable(ledger, status({ bin: 7 }));
  noteTable(ledger, status({ table: "bb", bin: 9, state: "off" }));
  const truth = { class: "people", family: "browser", slips: [], route: "login", bot: false };
  ledger.sent.push({ id: "known", phase: "tag", truth, ok: true } as never);
  const decision = { requestId: "known", tableDigest: "aa", segment: "login", bin: 5, at: 3 };
  ledger.decisions.push(
    decision as DecisionView,
    { ...decision, requestId: "other" } as DecisionView,
    { ...decision, bin: null } as DecisionView,
    { ...decision, tableDigest: "bb" } as DecisionView,
  );
  const judged = judgeDecisions(ledger);

  it("keeps scored decisions whose request is known", () => {
    expect(judged.map(({ route, bot, bin, at }) => [route, bot, bin, at])).toEqual([
      ["login", false, 5, 3],
      ["login", false, 5, 3],
    ]);
  });

  it("gives each the cut of its table, and none when the table was never seen live", () => {
    expect(judged.map(({ cut }) => cut?.bin ?? null)).toEqual([7, null]);
  });
});
