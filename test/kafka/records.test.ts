import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventLog } from "../../control/events/log.ts";
import {
  changeOne,
  openTestLog,
  startTestKafka,
  type TestKafka,
  until,
} from "../support/broker.ts";
import { compressInKafkajs } from "../support/broker-codecs.ts";
import { writeByJava } from "../support/broker-java.ts";
import { readAll } from "../support/log-conformance.ts";

const { Kafka, logLevel, Partitioners } = kafkajs;
let kafka: TestKafka | undefined;
let logs: EventLog[] = [];
beforeAll(async () => {
  compressInKafkajs();
  kafka = await startTestKafka();
});
afterAll(async () => {
  for (const log of logs) await log.close();
  logs = [];
  await kafka?.remove();
});

const client = (): kafkajs.Kafka =>
  new Kafka({ brokers: [...(kafka?.brokers ?? [])], logLevel: logLevel.NOTHING });
const producer = (options: kafkajs.ProducerConfig = {}): kafkajs.Producer =>
  client().producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
const texts = async (log: EventLog, topic: "limen.decisions" | "limen.counts") =>
  (await readAll(log, topic)).map(({ value }) => Buffer.from(value ?? []).toString());

/** A broker ends a transaction after it has answered: its markers come a moment later. */
const untilEnd = (log: EventLog, topic: "limen.decisions" | "limen.counts", least: bigint) =>
  until(async () => (await log.end(topic, 0)) >= least);

async function openLog(prefix: string, change = changeOne("none", {})): Promise<EventLog> {
  if (!kafka) throw new Error("no Kafka");
  const log = await openTestLog(kafka.settingsOf(prefix), { change });
  logs.push(log);
  return log;
}

/** Of various sizes, so that each packer finds something to do. */
const VALUES = Array.from({ length: 200 }, (_, at) => `value ${at} `.repeat(1 + (at % 60)));

describe("read, of packed batches", () => {
  it.for([
    ["none", 0],
    ["gzip", 1],
    ["snappy", 2],
    ["lz4", 3],
    ["zstd", 4],
  ] as const)("reads what kafkajs packed with %s", async ([name, compression], { skip }) => {
    if (!kafka) return skip();
    const log = await openLog(`js.${name}.`);
    const sender = producer();
    await sender.connect();
    const messages = VALUES.map((value) => ({ value, key: "k", headers: { codec: name } }));
    await sender.send({ topic: `js.${name}.limen.decisions`, compression, messages });
    await sender.disconnect();
    expect(await texts(log, "limen.decisions")).toEqual(VALUES);
  });

  it.for(["none", "gzip", "snappy", "lz4", "zstd"])(
    "reads what Java packed with %s",
    async (name, { skip }) => {
      if (!kafka) return skip();
      const log = await openLog(`java.${name}.`);
      const [broker = ""] = kafka.brokers;
      const sent = await writeByJava({
        broker,
        topic: `java.${name}.limen.decisions`,
        codec: name,
        values: VALUES,
      });
      if (!sent) return skip();
      expect(await texts(log, "limen.decisions")).toEqual(VALUES);
    },
  );

  it.for(["gzip", "snappy", "lz4", "zstd"])(
    "reads what the broker packs anew with %s by the topic's own setting",
    async (name, { skip }) => {
      if (!kafka) return skip();
      const config = { "compression.type": name };
      const log = await openLog(`own.${name}.`, changeOne("limen.decisions", { config }));
      await log.append(
        VALUES.map((value) => ({
          topic: "limen.decisions",
          key: null,
          value: new Uint8Array(Buffer.from(value)),
        })),
      );
      expect(await texts(log, "limen.decisions")).toEqual(VALUES);
    },
  );
});

describe("read, of transactions", () => {
  const transact = async (
    sender: kafkajs.Producer,
    topic: string,
    values: string[],
    end: "commit" | "abort",
  ): Promise<void> => {
    const transaction = await sender.transaction();
    await transaction.send({ topic, messages: values.map((value) => ({ key: value, value })) });
    await transaction[end]();
  };
  const openSender = async (transactionalId: string): Promise<kafkajs.Producer> => {
    const sender = producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
    await sender.connect();
    return sender;
  };

  it("leaves out aborted ones between committed ones of one producer", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("txn.");
    const sender = await openSender("one");
    const topic = "txn.limen.decisions";
    await transact(sender, topic, ["C1"], "commit");
    await transact(sender, topic, ["A1", "A1b"], "abort");
    await transact(sender, topic, ["C2"], "commit");
    await transact(sender, topic, ["A2"], "abort");
    await transact(sender, topic, ["C3"], "commit");
    await sender.disconnect();
    await untilEnd(log, "limen.decisions", 11n);
    expect(await texts(log, "limen.decisions")).toEqual(["C1", "C2", "C3"]);
  });

  it("leaves out aborted ones of two producers that overlap, from any offset on", async ({
    skip,
  }) => {
    if (!kafka) return skip();
    const log = await openLog("overlap.");
    const topic = "overlap.limen.decisions";
    const [first, second] = [await openSender("first"), await openSender("second")];
    const [a, b] = [await first.transaction(), await second.transaction()];
    const send = (one: kafkajs.Transaction, value: string) =>
      one.send({ topic, messages: [{ value, key: value }] });
    for (const value of ["a1", "a2"]) await send(a, value);
    for (const value of ["b1", "b2"]) await send(b, value);
    await send(a, "a3");
    await a.abort();
    await send(b, "b3");
    await b.abort();
    await transact(first, topic, ["kept"], "commit");
    await first.disconnect();
    await second.disconnect();
    await untilEnd(log, "limen.decisions", 10n);
    const end = Number(await log.end("limen.decisions", 0));
    const seen = new Set<string>();
    for (let from = 0; from < end; from++) {
      const events = await log.read("limen.decisions", 0, BigInt(from), 10);
      for (const { value } of events) seen.add(Buffer.from(value ?? []).toString());
    }
    expect([...seen]).toEqual(["kept"]);
  });

  it("leaves out a large aborted one that no single answer holds", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("large.");
    const topic = "large.limen.decisions";
    const sender = await openSender("large");
    const transaction = await sender.transaction();
    for (let at = 0; at < 30; at++) {
      await transaction.send({ topic, messages: [{ value: Buffer.alloc(100_000, 65) }] });
    }
    await transaction.abort();
    await transact(sender, topic, ["kept"], "commit");
    await sender.disconnect();
    await untilEnd(log, "limen.decisions", 33n);
    expect(await texts(log, "limen.decisions")).toEqual(["kept"]);
  });

  it("does not go behind a transaction under way", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("open.");
    const sender = await openSender("open");
    const transaction = await sender.transaction();
    await transaction.send({ topic: "open.limen.decisions", messages: [{ value: "x" }] });
    await log.append([
      { topic: "limen.decisions", key: null, value: new Uint8Array(Buffer.from("behind")) },
    ]);
    const during = [await log.end("limen.decisions", 0), await texts(log, "limen.decisions")];
    await transaction.commit();
    await sender.disconnect();
    expect(during).toEqual([0n, []]);
    await untilEnd(log, "limen.decisions", 3n);
    expect(await texts(log, "limen.decisions")).toEqual(["x", "behind"]);
  });

  it("comes to the end of a compacted topic whose tail gives no event", async ({ skip }) => {
    if (!kafka) return skip();
    const config = {
      "cleanup.policy": "compact",
      "segment.ms": "500",
      "min.cleanable.dirty.ratio": "0.01",
      "min.compaction.lag.ms": "0",
    };
    const log = await openLog("tail.", changeOne("limen.counts", { config }));
    const sender = await openSender("tail");
    const topic = "tail.limen.counts";
    for (let round = 0; round < 20; round++) await transact(sender, topic, ["k1", "k2"], "commit");
    const size = async (): Promise<number> => (await readAll(log, "limen.counts")).length;
    // Each append rolls the segment, for the cleaner leaves the last one alone.
    await until(async () => {
      await transact(sender, topic, ["k3"], "commit");
      return (await size()) < 20;
    });
    await transact(sender, topic, ["gone"], "abort");
    await sender.disconnect();
    const last = (await readAll(log, "limen.counts")).at(-1);
    const end = await until(async () => {
      const now = await log.end("limen.counts", 0);
      return now > (last?.offset ?? 0n) + 1n && now;
    });
    const names = new Set(await texts(log, "limen.counts"));
    expect([...names].toSorted()).toEqual(["k1", "k2", "k3"]);
    expect(await log.read("limen.counts", 0, (last?.offset ?? 0n) + 1n, 10)).toEqual([]);
    expect(await log.end("limen.counts", 0)).toBe(end);
  }, 60_000);
});
