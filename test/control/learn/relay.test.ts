import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { createHashId } from "../../../control/collect/hash-id.ts";
import { createOpenLabel } from "../../../control/collect/label-intake.ts";
import { LabelSchema } from "../../../control/events/label_pb.ts";
import type { NewEvent } from "../../../control/events/log.ts";
import { choosePartition } from "../../../control/events/partition.ts";
import { RejectedSchema } from "../../../control/events/rejected_pb.ts";
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import { A_TOKEN_KEY } from "../../support/builders.ts";
import { namesOf } from "../../support/decisions.ts";
import { aLabel, anIdDecision, labelSettings } from "../../support/labels.ts";
import { readAll } from "../../support/log-conformance.ts";
import { createSkewedLog } from "./skewed-log.ts";

const PARTITIONS = 3;
const hashId = createHashId(A_TOKEN_KEY);
const settings = labelSettings();
const openLabel = createOpenLabel({
  settings,
  tokenKey: A_TOKEN_KEY,
  hashId,
  models: ["bot"],
  partitions: PARTITIONS,
});

const json = (value: unknown, partition = 0): NewEvent => ({
  topic: "limen.labels",
  key: null,
  partition,
  value: new Uint8Array(Buffer.from(typeof value === "string" ? value : JSON.stringify(value))),
});

function start() {
  const clock = { now: 1_000_000 };
  const log = createSkewedLog(PARTITIONS, () => clock.now);
  const open = (more = {}) =>
    createLearner({ log, namesOf, checkpointMs: 1_000, labels: settings, openLabel, ...more });
  /** A decision of a request id, where its hash puts it. */
  const decide = (id: string, seq: number): Promise<void> =>
    log.append([{ ...anIdDecision({ id: 0, seq }), key: hashId(Buffer.from(id)) }]);
  const run = async (learner: Learner, rounds = 12): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      clock.now += 1_000;
      while ((await learner.step()) > 0);
      await learner.tick(clock.now);
    }
    while ((await learner.step()) > 0);
  };
  const fate = ({ states }: Learner, name: "joined" | "duplicate" | "invalid" | "unknown") =>
    states.reduce((sum, { joining }) => sum + (joining?.join.fates[name] ?? 0), 0);
  const rejected = async () =>
    (await readAll(log, "limen.rejected")).map(({ value }) =>
      fromBinary(RejectedSchema, value ?? new Uint8Array()),
    );
  return { clock, log, open, decide, run, fate, rejected };
}

describe("labels in JSON on limen.labels", () => {
  it("join their decision, whatever partition they were put in", async () => {
    const { log, open, decide, run, fate } = start();
    for (let seq = 0; seq < 9; seq++) await decide(`request-${seq}`, seq);
    for (let seq = 0; seq < 9; seq++) {
      await log.append([json({ requestId: `request-${seq}`, label: 1 }, seq % PARTITIONS)]);
    }
    const learner = await open();
    await run(learner);
    expect(fate(learner, "joined")).toBe(9);
    const own = choosePartition(hashId(Buffer.from("request-4")), PARTITIONS);
    const labels = await readAll(log, "limen.labels", own);
    const key = hashId(Buffer.from("request-4"));
    const relayed = labels.find((event) => event.key && Buffer.compare(event.key, key) === 0);
    expect(fromBinary(LabelSchema, relayed?.value ?? new Uint8Array())).toMatchObject({
      by: "limen.labels/1/1",
      label: 2,
      source: "desk",
    });
  });

  it("are known by their header too, and need no brace first", async () => {
    const { log, open, decide, run, fate } = start();
    await decide("a", 0);
    const headers = { "content-type": "application/json; charset=utf-8" };
    await log.append([{ ...json('\n [{"requestId":"a","label":true}]'), headers }]);
    const learner = await open();
    await run(learner);
    expect(fate(learner, "joined")).toBe(1);
  });

  it("may be heartbeats: every partition hears them", async () => {
    const { log, open, decide, run } = start();
    await decide("a", 0);
    await log.append([json({ heartbeat: "desk" }, 2)]);
    await run(await open());
    for (const partition of [0, 1, 2]) {
      const kinds = (await readAll(log, "limen.labels", partition))
        .filter(({ value }) => value?.[0] !== 0x7b)
        .map(({ value }) => fromBinary(LabelSchema, value ?? new Uint8Array()).kind);
      expect(kinds.filter((kind) => kind === 1).length).toBe(1);
    }
  });

  it("count once over restarts, at most as duplicates", async () => {
    const { log, open, decide, run, fate } = start();
    await decide("a", 0);
    await log.append([json({ requestId: "a", label: 1 })]);
    let learner = await open();
    for (let life = 0; life < 4; life++) {
      await run(learner, 3);
      learner = await open();
    }
    await run(learner, 6);
    expect(fate(learner, "joined")).toBe(1);
    expect(fate(learner, "duplicate")).toBeLessThanOrEqual(1);
  });

  it("are appended before a checkpoint says they were read, also when appends fail", async () => {
    const { clock, log, open, decide, run, fate } = start();
    await decide("a", 0);
    await log.append([json({ requestId: "a", label: 1 }, 1)]);
    let failures = 5;
    log.failing = (batch) =>
      batch.some(({ topic, key }) => topic === "limen.labels" && key !== null) && failures-- > 0;
    const first = await open();
    for (let round = 0; round < 3; round++) {
      clock.now += 1_000;
      await first.step().catch(() => undefined);
      await first.tick(clock.now);
    }
    // It dies with the label still on its way.
    expect(failures).toBeLessThan(5);
    const learner = await open();
    for (let round = 0; round < 5; round++) await learner.step().catch(() => undefined);
    await run(learner);
    expect(fate(learner, "joined")).toBe(1);
  });
});

describe("what is wrong on limen.labels", () => {
  const reasonsOf = async (events: readonly NewEvent[], more = {}) => {
    const { log, open, run, fate, decide, rejected } = start();
    await decide("a", 0);
    await log.append([aLabel({ id: 1 })]);
    await log.append(events);
    const learner = await open(more);
    await run(learner);
    const list = await rejected();
    expect(fate(learner, "invalid")).toBe(list.length);
    return list.map(({ reason, topic, partition, offset }) => [reason, topic, partition, offset]);
  };

  it.each([
    ["a body that is no JSON", "{", /JSON/],
    ["a field nobody knows", { requestId: "a", label: 1, sourse: "desk" }, /sourse/],
    ["a token that was not made here", { token: "AAAA", label: 1 }, /mac/],
    ["a source that is not declared", { requestId: "a", label: 1, source: "x" }, /undeclared/],
    ["a model that is not there", { requestId: "a", label: 1, model: "x" }, /no such model/],
    ["a time in the future", { requestId: "a", label: 1, at: 9_000_000 }, /future/],
    ["a heartbeat of nobody", { heartbeat: "x" }, /no such source/],
  ])("goes to limen.rejected with its place: %s", async (_, value, reason) => {
    const list = await reasonsOf([json(value, 2)]);
    expect(list).toEqual([[expect.stringMatching(reason), "limen.labels", 2, expect.anything()]]);
  });

  it("goes there for events of ours too", async () => {
    const label = { ...aLabel({ id: 1, source: "x" }), partition: 1 };
    const noBytes = { ...label, value: Uint8Array.of(0xff) };
    const list = await reasonsOf([label, noBytes, { ...label, key: new Uint8Array(3) }]);
    expect(list.map(([reason, , partition]) => [reason, partition])).toEqual([
      ["label: source x is not declared", 1],
      ["label: it does not read", 1],
      ["label: source x is not declared", 1],
    ]);
  });

  it("is JSON where nobody opens it", async () => {
    const list = await reasonsOf([json({ requestId: "a", label: 1 })], { openLabel: undefined });
    expect(list[0]?.[0]).toMatch(/not taken here/);
  });

  it("names the place of a decision that cannot be counted", async () => {
    const { log, open, run, rejected } = start();
    const bad = { ...anIdDecision({ id: 0, seq: 0 }), partition: 2 };
    await log.append([bad, { ...bad, value: Uint8Array.of(0xff) }]);
    await run(await open());
    const [first] = await rejected();
    expect(first).toMatchObject({ topic: "limen.decisions", partition: 2, offset: 1n });
  });
});
