import { describe, expect, it } from "vitest";
import type { Explained, ExplainedBad } from "../../../control/explain/view.ts";
import { aModel, someTable } from "../../support/builders.ts";
import { createMemoryLog } from "../../support/memory-log.ts";
import { HOUR_MS, type Made, openStage } from "./stage.ts";

const exempt = [{ of: "header:x-partner-key", match: "equals", text: "acme" }] as const;
const table = someTable({ exempt });

/** One of each kind of bad that needs no label. */
const UPSTREAM: Made = { id: "upstream", code: 503, flags: 2 };
const SCORER: Made = { id: "scorer", score: null };
const ABSTAINED: Made = { id: "abstained", headers: [["x-partner-key", "acme"]] };

function badOf(view: Explained): ExplainedBad {
  if (view.kind !== "bad") throw new Error(`a ${view.kind}`);
  return view;
}

const idsOf = ({ rows }: ExplainedBad): string[][] =>
  rows.map(({ newest }) => newest.map(({ requestId }) => requestId));
const ask = { kind: "bad", sinceMs: HOUR_MS } as const;

describe("listBad", () => {
  it("puts each fault into its own row", async () => {
    const stage = await openStage({ table });
    await stage.add(UPSTREAM, SCORER, ABSTAINED, { id: "fine" });
    const view = badOf(await stage.explain(ask));
    expect([view.decisions, idsOf(view)]).toEqual([
      4,
      [["upstream"], ["scorer"], ["abstained"], []],
    ]);
  });

  it("says what happened to an example", async () => {
    const stage = await openStage({ table });
    await stage.add(UPSTREAM);
    expect(badOf(await stage.explain(ask)).rows[0]?.newest).toMatchObject([
      { node: "node-1", code: 503, flags: ["UH"], status: "tagged", reason: "none", tag: "bot" },
    ]);
  });

  it("counts all and shows the newest five, newest first", async () => {
    let now = 0;
    const log = createMemoryLog({ now: () => now });
    const stage = await openStage({ table, log, now: () => now });
    for (let at = 1; at <= 7; at += 1) {
      now = at;
      await stage.add({ ...UPSTREAM, id: String(at) });
    }
    const [row] = badOf(await stage.explain(ask)).rows;
    const ids = row?.newest.map(({ requestId }) => requestId);
    expect([row?.count, ids]).toEqual([7, ["7", "6", "5", "4", "3"]]);
  });

  it("takes a decision as old as asked for, and none older", async () => {
    let now = 1_000;
    const log = createMemoryLog({ now: () => now });
    const stage = await openStage({ table, log, now: () => now });
    await stage.add({ id: "older" });
    now = 1_001;
    await stage.add({ id: "as old" });
    now = 1_001 + HOUR_MS;
    expect(badOf(await stage.explain(ask)).decisions).toBe(1);
  });

  it.each([
    [3, false],
    [4, true],
  ])("with a bound of 3 and %i decisions says bounded: %s", async (count, isBounded) => {
    const stage = await openStage({ table, bound: 3 });
    await stage.add(...Array.from({ length: count }, (_, at) => ({ id: String(at) })));
    expect(badOf(await stage.explain(ask))).toMatchObject({ decisions: 3, isBounded });
  });

  it("counts events that are no decision", async () => {
    const stage = await openStage({ table });
    await stage.log.append([{ topic: "limen.decisions", key: null, value: Uint8Array.of(255) }]);
    expect(badOf(await stage.explain(ask))).toMatchObject({ decisions: 0, unreadable: 1 });
  });

  it("labels nothing while there are no labels", async () => {
    const stage = await openStage({ table });
    await stage.add({ id: "tagged" });
    expect(badOf(await stage.explain(ask)).labelled).toBe(0);
  });

  it("takes a tag whose label is 0 and a bin below the cut whose label is 1 for wrong", async () => {
    const stage = await openStage({ table });
    const low = { score: 10 };
    await stage.add({ id: "fp" }, { id: "tp" }, { id: "fn", ...low }, { id: "tn", ...low });
    await stage.add({ id: "unlabelled" });
    for (const [id, label] of [
      ["fp", 0],
      ["tp", 1],
      ["fn", 1],
      ["tn", 0],
    ] as const) {
      await stage.post(id, label);
    }
    const view = badOf(await stage.explain(ask));
    expect([view.labelled, new Set(idsOf(view)[3])]).toEqual([4, new Set(["fp", "fn"])]);
  });

  it("reads a label off the response too", async () => {
    const stage = await openStage({ table });
    await stage.add({ id: "fp", outcome: "0" }, { id: "tp", outcome: "1" }, { outcome: "perhaps" });
    const view = badOf(await stage.explain(ask));
    expect([view.labelled, idsOf(view)[3]]).toEqual([2, ["fp"]]);
  });

  it("keeps the label that came first", async () => {
    const stage = await openStage({ table });
    await stage.add({ id: "tagged" });
    await stage.post("tagged", 1);
    await stage.post("tagged", 0);
    expect(badOf(await stage.explain(ask)).rows[3]?.count).toBe(0);
  });

  it("takes no prediction without a cut for wrong", async () => {
    const none = someTable({ models: [aModel({ cuts: [[4096]] })] });
    const stage = await openStage({ table: none });
    await stage.add({ id: "positive", outcome: "1" });
    expect(badOf(await stage.explain(ask)).rows[3]?.count).toBe(0);
  });
});
