import { describe, expect, it } from "vitest";
import type { Explained, ExplainedDecision } from "../../../control/explain/view.ts";
import { tableDigest } from "../../../control/table/seal.ts";
import * as layout from "../../../models/record-layout.ts";
import { aModel, someTable } from "../../support/builders.ts";
import { HOUR_MS, makeDecision, openStage } from "./stage.ts";

function decisionOf(view: Explained): ExplainedDecision {
  if (view.kind !== "decision") throw new Error(`a ${view.kind}`);
  return view;
}

describe("createExplainer, by id", () => {
  it("says what was decided and by which table", async () => {
    const stage = await openStage();
    await stage.add({ id: "other" }, { id: "mine", path: "/cart", seq: 4, code: 503, flags: 2 });
    expect(await stage.explain({ kind: "id", id: "mine" })).toMatchObject({
      requestId: "mine",
      node: "node-1",
      path: "/cart",
      seq: 4,
      vm: "7",
      decidedAt: 9_000,
      code: 503,
      flags: ["UH"],
      status: "tagged",
      reason: "none",
      tableDigest: tableDigest(stage.table),
      serial: 1,
      table: { what: "pushed", by: "ann", why: "first cut", at: 5_000, serial: 1 },
    });
  });

  it("shows features, score, bin, cut, arm and tag of a record with its vector", async () => {
    // A bin is 2 wide.
    const models = [aModel({ hi: 8192, cuts: [[1000]] })];
    const stage = await openStage({ table: someTable({ models }) });
    await stage.add({ id: "mine", score: 3001 });
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect(view.features).toEqual([{ name: "score", value: 3001 }]);
    expect(view.models).toMatchObject([
      {
        model: "bot",
        segment: "rest",
        mode: "tag",
        raw: 3001,
        score: 3001,
        bin: 1500,
        binScores: [3000, 3002],
        cuts: [{ header: "x-limen-bot", value: "bot", bin: 1000, score: 2000 }],
        arm: "acted",
        tag: "bot",
        offline: { bin: 1500, isSame: true },
      },
    ]);
  });

  it("says that the same bits came out offline", async () => {
    const stage = await openStage();
    await stage.add({ id: "mine", score: 17 });
    expect(await stage.explain({ kind: "id", id: "mine" })).toMatchObject({ offline: "same" });
  });

  it("says the difference when the recorded bin is not the one of the vector", async () => {
    const stage = await openStage();
    const binAt = layout.RECORD_HEAD + layout.RECORD_MODEL_BIN;
    const change = (record: Uint8Array) => Buffer.from(record.buffer).writeUInt16LE(99, binAt);
    await stage.add({ id: "mine", score: 17, change });
    const view = await stage.explain({ kind: "id", id: "mine" });
    expect(view).toMatchObject({ offline: "different: bot: recorded bin 99, offline 17" });
  });

  it("says how to have feature values when the record carries no vector", async () => {
    const stage = await openStage({ table: someTable({ vector: 0 }) });
    await stage.add({ id: "mine" });
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect([view.features, view.featuresNote, view.offline]).toEqual([
      null,
      expect.stringContaining("keep.vectors"),
      "not checked: the record carries no vector",
    ]);
  });

  it("shows the scores of the bin when the record carries no vector", async () => {
    const stage = await openStage({ table: someTable({ vector: 0 }) });
    await stage.add({ id: "mine", score: 4000 });
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect(view.models).toMatchObject([{ raw: null, bin: 4000, binScores: [4000, 4001] }]);
  });

  it("scores nothing where the model is off", async () => {
    const models = [aModel({ modes: ["off"] }), aModel({ name: "attack" })];
    const stage = await openStage({ table: someTable({ models }) });
    await stage.add({ id: "mine" });
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect(view.models.map(({ bin, raw, offline }) => [bin, raw, offline?.isSame])).toEqual([
      [null, null, undefined],
      [4000, 4000, true],
    ]);
  });

  it("says so when the history does not hold the table", async () => {
    const stage = await openStage();
    const { event } = makeDecision(someTable({ serial: 2 }), { id: "mine" });
    await stage.log.append([event]);
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect([view.table, view.offline]).toEqual([
      null,
      "not checked: the history does not hold the table",
    ]);
  });

  it("shows the newest of several under one id and names the others", async () => {
    const stage = await openStage();
    await stage.add({ id: "mine", node: "first", seq: 1 }, { id: "mine", node: "second", seq: 2 });
    const view = decisionOf(await stage.explain({ kind: "id", id: "mine" }));
    expect([view.node, view.others]).toMatchObject(["second", [{ node: "first", seq: 1 }]]);
  });

  it("names how long decisions are kept when there is none", async () => {
    const stage = await openStage({ keepMs: 36 * HOUR_MS });
    await expect(stage.explain({ kind: "id", id: "gone" })).rejects.toThrow(
      /no decision of request gone; decisions are kept for 36 h/,
    );
  });

  it("finds the oldest of as many decisions as the bound", async () => {
    const stage = await openStage({ bound: 2 });
    await stage.add({ id: "mine" }, { id: "b" });
    expect(await stage.explain({ kind: "id", id: "mine" })).toMatchObject({ requestId: "mine" });
  });

  it("says that the bound was reached when one more decision is newer", async () => {
    const stage = await openStage({ bound: 2 });
    await stage.add({ id: "mine" }, { id: "b" }, { id: "c" });
    await expect(stage.explain({ kind: "id", id: "mine" })).rejects.toThrow(
      /only the newest 2 were searched/,
    );
  });
});

describe("createExplainer, last", () => {
  it("shows the newest decision", async () => {
    const stage = await openStage();
    await stage.add({ id: "a" }, { id: "b" });
    expect(await stage.explain({ kind: "last" })).toMatchObject({ requestId: "b" });
  });

  it("passes by an event that is no decision", async () => {
    const stage = await openStage();
    await stage.add({ id: "a" });
    await stage.log.append([{ topic: "limen.decisions", key: null, value: Uint8Array.of(255) }]);
    expect(await stage.explain({ kind: "last" })).toMatchObject({ requestId: "a" });
  });

  it("says that nothing is recorded yet", async () => {
    const stage = await openStage();
    await expect(stage.explain({ kind: "last" })).rejects.toThrow(/no decision is recorded/);
  });
});

describe("createExplainer, by token", () => {
  it("finds the one decision of the token among those of its id", async () => {
    const stage = await openStage();
    const [first = ""] = await stage.add({ id: "mine", seq: 1 }, { id: "mine", seq: 2 });
    expect(await stage.explain({ kind: "token", token: first })).toMatchObject({ seq: 1 });
  });

  it("refuses a token with any byte changed", async () => {
    const stage = await openStage();
    const [token = ""] = await stage.add({ id: "mine" });
    const bytes = Buffer.from(token, "base64url");
    for (let at = 0; at < bytes.length; at += 1) {
      const forged = Buffer.from(bytes);
      forged[at] = (forged[at] ?? 0) ^ 1;
      const ask = { kind: "token", token: forged.toString("base64url") } as const;
      await expect(stage.explain(ask)).rejects.toThrow(/forged|never pushed|form of a token/);
    }
  });

  it("says that a token of another key is forged", async () => {
    const stage = await openStage();
    const tokenKey = new Uint8Array(16).fill(1);
    const bytes = Buffer.from(makeDecision(someTable({ tokenKey })).token, "base64url");
    // With the digest of a table that was pushed, as a forger would write it.
    bytes.write(tableDigest(stage.table), layout.TOKEN_DIGEST_AT, "hex");
    await expect(
      stage.explain({ kind: "token", token: bytes.toString("base64url") }),
    ).rejects.toThrow(/forged or changed: its MAC/);
  });

  it("says that a genuine token has no decision in the log", async () => {
    const stage = await openStage();
    const { token } = makeDecision(stage.table, { seq: 5 });
    await expect(stage.explain({ kind: "token", token })).rejects.toThrow(
      /genuine \(record 5 of VM 7\), its decision is not in the log/,
    );
  });
});

describe("createExplainer, a request", () => {
  it("names who pushed the live table", async () => {
    const stage = await openStage();
    const ask = { kind: "request", method: "GET", path: "/", headers: [] } as const;
    expect(await stage.explain(ask)).toMatchObject({ kind: "request", table: { by: "ann" } });
  });
});
