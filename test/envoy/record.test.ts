// From a request through Envoy's access log to the SQLite log, nothing in between replaced.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect } from "vitest";
import { startAccessLogServer } from "../../control/collect/access-log.ts";
import { createHashId } from "../../control/collect/hash-id.ts";
import { readRecord } from "../../control/collect/record.ts";
import { type Decision, DecisionSchema } from "../../control/events/decision_pb.ts";
import type { EventLog } from "../../control/events/log.ts";
import { openSqliteLog } from "../../control/events/sqlite.ts";
import { tableDigest } from "../../control/table/seal.ts";
import { STATUS_BASE, STATUS_TAGGED } from "../../models/decision.ts";
import { A_TOKEN_KEY, someTable } from "../support/builders.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask, runLoad } from "../support/load.ts";
import {
  atStrike,
  push,
  resourceOf,
  type Stage,
  setStage,
  startApplication,
  strikeStage,
} from "../support/stage.ts";

afterEach(strikeStage);

const TAGGED = { headers: [["x-score", "4000"]] } as const;
const READ_MAX = 100_000;

async function openLog(): Promise<EventLog> {
  const folder = await mkdtemp(join(tmpdir(), "limen-log-"));
  const log = openSqliteLog(join(folder, "limen.db"));
  atStrike(async () => {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  return log;
}

async function setRecordedStage(changes: Parameters<typeof setStage>[0] = {}) {
  const log = await openLog();
  const collector = await startAccessLogServer({
    address: `${LOOPBACK}:0`,
    append: (batch) => log.append(batch),
    hashId: createHashId(A_TOKEN_KEY),
  });
  atStrike(collector.close);
  const accessLog = { host: LOOPBACK, port: collector.port };
  const stage = await setStage({ accessLog, accessLogFlushMs: 100, ...changes });
  const table = someTable();
  await push(stage.control, resourceOf(table));
  return { stage, log, table };
}

async function readDecisions(log: EventLog): Promise<Decision[]> {
  const events = await log.read("limen.decisions", 0, 0n, READ_MAX);
  return events.map(({ value }) => fromBinary(DecisionSchema, value ?? new Uint8Array(0)));
}

function waitForDecisions(log: EventLog, count: number): Promise<Decision[]> {
  return waitFor(`${count} decisions`, async () => {
    const decisions = await readDecisions(log);
    return decisions.length >= count ? decisions : null;
  });
}

/** An address where nobody listens any more. */
async function findDeadAddress(): Promise<{ host: string; port: number }> {
  const gone = await startApplication("gone");
  await gone.stop();
  return gone.address;
}

async function askHold(stage: Stage): Promise<void> {
  void ask(stage.envoy.port, { path: "/hold?card=4111", ...TAGGED });
  await waitFor("the stream", () => (stage.bots.count() === 1 ? true : null));
}

describe("the decision record", () => {
  itOnEnvoy("reaches the log on a 200", async () => {
    const { stage, log, table } = await setRecordedStage();
    await ask(stage.envoy.port, { path: "/cart?card=4111", ...TAGGED });
    const [decision] = await waitForDecisions(log, 1);
    const record = readRecord(decision?.record ?? new Uint8Array(0));
    expect(decision).toMatchObject({
      node: "test-1",
      workload: "test",
      responseCode: 200,
      upstreamCluster: "bots",
      method: "GET",
      authority: "shop.example",
      path: "/cart",
    });
    expect(record).toMatchObject({ status: STATUS_TAGGED, tableDigest: tableDigest(table) });
    expect(record.models).toMatchObject([{ segment: 0, bin: 4000, tag: 1 }]);
  });

  itOnEnvoy("reaches the log on the 503 of a dead upstream", async () => {
    const dead = { name: "bots", address: await findDeadAddress() };
    const shop = await startApplication("shop");
    const { stage, log } = await setRecordedStage({ upstreams: [shop, dead] });
    expect((await ask(stage.envoy.port, TAGGED)).status).toBe(503);
    const [decision] = await waitForDecisions(log, 1);
    expect(decision?.responseCode).toBe(503);
    expect(readRecord(decision?.record ?? new Uint8Array(0)).status).toBe(STATUS_TAGGED);
  });

  itOnEnvoy("reaches the log when a long stream ends, not before", async () => {
    const { stage, log } = await setRecordedStage({ routeTimeoutSeconds: null });
    await askHold(stage);
    await sleep(1000);
    expect(await readDecisions(log)).toEqual([]);
    stage.bots.release();
    const [decision] = await waitForDecisions(log, 1);
    expect(decision?.durationUs).toBeGreaterThan(1_000_000n);
  });

  itOnEnvoy("of a long stream is of the table it began with", async () => {
    const { stage, log, table } = await setRecordedStage({ routeTimeoutSeconds: null });
    await askHold(stage);
    for (let serial = 2; serial < 6; serial += 1) {
      await push(stage.control, resourceOf(someTable({ serial })));
    }
    stage.bots.release();
    const [decision] = await waitForDecisions(log, 1);
    const record = readRecord(decision?.record ?? new Uint8Array(0));
    expect([record.tableSerial, record.tableDigest]).toEqual([1, tableDigest(table)]);
  });

  itOnEnvoy("says the base state when nothing was tagged", async () => {
    const { stage, log } = await setRecordedStage();
    await ask(stage.envoy.port, { headers: [["x-score", "0"]] });
    const [decision] = await waitForDecisions(log, 1);
    const record = readRecord(decision?.record ?? new Uint8Array(0));
    expect([record.status, record.models[0]?.tag]).toEqual([STATUS_BASE, 0]);
  });

  itOnEnvoy("of 5,000 requests on two workers is there once each, with no gap in seq", async () => {
    const { stage, log } = await setRecordedStage({ workers: 2 });
    const load = { port: stage.envoy.port, requests: 5_000, connections: 8 };
    expect(await runLoad({ ...load, question: TAGGED })).toEqual({ 200: 5_000 });
    const decisions = await waitForDecisions(log, 5_000);
    await sleep(300);
    expect((await readDecisions(log)).length).toBe(5_000);
    const seqs = new Map<bigint, number[]>();
    for (const { record } of decisions) {
      const { vm, seq } = readRecord(record);
      seqs.set(vm, [...(seqs.get(vm) ?? []), seq]);
    }
    for (const [, list] of seqs) {
      list.sort((a, b) => a - b);
      const first = list[0] ?? 0;
      expect(list).toEqual(list.map((_, index) => first + index));
    }
  });
});
