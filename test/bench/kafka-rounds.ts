/** The learner and the collector on one real broker, beside `kafkajs` alone and Kafka's own tools. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { decodeEntry } from "../../control/collect/decode.ts";
import { createHashId } from "../../control/collect/hash-id.ts";
import { StreamAccessLogsMessageSchema } from "../../control/collect/proto/access-log_pb.ts";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog, NewEvent } from "../../control/events/log.ts";
import { createLearner } from "../../control/learn/follow.ts";
import { createCountsFollower } from "../../control/learn/follow-counts.ts";
import { decisionTick, labelEvent, tickEvent } from "../../control/learn/join/label-event.ts";
import { makeTopics, type TestKafka } from "../support/broker.ts";
import { aSource, labelSettings } from "../support/labels.ts";
import { turnOrder } from "./figures.ts";
import { consumeByJava, produceByJava } from "./kafka-java.ts";
import { createMessages, LABEL_EACH, MESSAGE_ENTRIES, openFeed } from "./kafka-load.ts";
import { consumeRaw, openRawProducer, type RawEvent } from "./kafka-raw.ts";

/** As `limen install kafka` makes them. */
export const PARTITIONS = 12;
/** Of one model. */
export const SEGMENTS = 20;
/** Of one append of the collector, and of one send of the raw producer. */
export const BATCH_EVENTS = 2_000;
const FILL_PER_SECOND = 20_000;
/** As the role `learn` takes them. */
const CHECKPOINT_MS = 1_000;
/** W is over for most of the topic while it is read: cohorts close with their labels. */
const WINDOW_MS = 3_000;
const TABLE = "00000000000000aa";
const TOPIC = "limen.decisions";
const LABELS = labelSettings(aSource({ windowMs: WINDOW_MS, affectedByTag: false }));
const KEY = new Uint8Array(16).fill(7);

export type Contender = "learner" | "rawRead" | "javaRead" | "collector" | "rawWrite" | "javaWrite";
export const CONTENDERS: readonly Contender[] = [
  "learner",
  "rawRead",
  "javaRead",
  "collector",
  "rawWrite",
  "javaWrite",
];
export type Round = { round: number; contender: Contender; perSecond: number; cpuUs: number };

const namesOfSegments = (count: number) => {
  const names = {
    segments: Array.from({ length: count }, (_, at) => `segment-${at}`),
    models: [{ name: "bot", digest: "00000000000000b0" }],
  };
  return () => names;
};

type Stage = {
  kafka: TestKafka;
  broker: string;
  count: number;
  segments: number;
  messages: Buffer[];
  events: NewEvent[];
  read: EventLog;
  write: EventLog;
  close: () => Promise<void>;
};

function decodeAll(messages: readonly Buffer[]): NewEvent[] {
  const hashId = createHashId(KEY);
  const sender = { node: "proxy-1", workload: "shop" };
  return messages.flatMap((bytes) => {
    const { logEntries } = fromBinary(StreamAccessLogsMessageSchema, bytes);
    const entries = logEntries.case === "httpLogs" ? logEntries.value.logEntry : [];
    return entries.map((entry) => {
      const decoded = decodeEntry(entry, sender, hashId);
      if (decoded.kind !== "decision") throw new Error("the load holds what is no decision");
      return decoded.event;
    });
  });
}

const labelOf = ({ key }: NewEvent): NewEvent =>
  labelEvent(key ?? new Uint8Array(), { label: 1, source: "desk" });

/** Fills the topics at a steady rate of the log's time, labels among the decisions they follow. */
async function fill({ read: log, events }: Stage): Promise<number> {
  const begun = performance.now();
  for (let at = 0; at < events.length; at += BATCH_EVENTS) {
    const batch = events.slice(at, at + BATCH_EVENTS);
    await log.append([...batch, ...batch.filter((_, n) => n % LABEL_EACH === 7).map(labelOf)]);
    const dueMs = (1_000 * (at + batch.length)) / FILL_PER_SECOND;
    await sleep(Math.max(0, dueMs - (performance.now() - begun)));
  }
  const spanMs = performance.now() - begun;
  // Time moves on once more, so that nothing waits for a word of the other topic.
  const places = Array.from({ length: PARTITIONS }, (_, at) => at);
  await log.append(places.map(tickEvent));
  await sleep(5);
  await log.append(places.map(decisionTick));
  return spanMs;
}

export async function openStage(kafka: TestKafka, count: number) {
  const segments = SEGMENTS;
  const broker = kafka.brokers[0] ?? "";
  const options = { partitions: PARTITIONS };
  for (const prefix of ["read-", "write-", "raw-", "java-"]) {
    await makeTopics(kafka.settingsOf(prefix), options);
  }
  const make = createMessages({ tableDigest: TABLE, segments });
  const messages = Array.from({ length: count / MESSAGE_ENTRIES }, (_, at) =>
    make(at * MESSAGE_ENTRIES),
  );
  const events = decodeAll(messages);
  const read = await openKafkaLog(kafka.settingsOf("read-"));
  const write = await openKafkaLog(kafka.settingsOf("write-"));
  const close = async (): Promise<void> => {
    await read.close();
    await write.close();
  };
  const stage: Stage = { kafka, broker, count, segments, messages, events, read, write, close };
  return { stage, spanMs: await fill(stage) };
}

/** Checkpoints are written for good, and a new learner does not find them: it reads all again. */
const forgetful = (log: EventLog): EventLog => ({
  ...log,
  end: async (topic, partition) => (topic === "limen.counts" ? 0n : log.end(topic, partition)),
});

export async function runLearner({ read, segments, count }: Stage): Promise<number> {
  let checkpoints = 0;
  const learner = await createLearner({
    log: forgetful(read),
    namesOf: namesOfSegments(segments),
    labels: LABELS,
    checkpointMs: CHECKPOINT_MS,
    onCheckpoint: () => {
      checkpoints++;
    },
  });
  const begun = performance.now();
  while ((await learner.step()) > 0);
  const took = performance.now() - begun;
  const sum = (of: (state: (typeof learner.states)[number]) => number): number =>
    learner.states.reduce((total, state) => total + of(state), 0);
  const counted = sum(({ counters }) => counters.decisions);
  const joined = sum(({ joining }) => joining?.join.fates.joined ?? 0);
  const labels = count / LABEL_EACH;
  if (counted !== count || joined < labels * 0.99 || checkpoints < PARTITIONS) {
    throw new Error(
      `counted ${counted}, joined ${joined} of ${labels}, ${checkpoints} checkpoints`,
    );
  }
  return took;
}

export async function runCollector({ write, messages, count }: Stage): Promise<number> {
  const { collector, send } = openFeed({
    hashId: createHashId(KEY),
    append: (batch) => write.append(batch),
    batchEvents: BATCH_EVENTS,
  });
  const begun = performance.now();
  await send(messages);
  await collector.close();
  const took = performance.now() - begun;
  const { appended, dropped } = collector.counters();
  if (appended !== count || dropped > 0) throw new Error(`${appended} appended, ${dropped} lost`);
  return took;
}

/** Milliseconds for one record of limen.counts at the process that decides. */
export async function runDecider({ read }: Stage): Promise<{ took: number; records: number }> {
  const follower = createCountsFollower({ log: read, labels: LABELS, onScored: () => undefined });
  const begun = performance.now();
  let records = 0;
  for (let more = await follower.step(); more > 0; more = await follower.step()) records += more;
  return { took: performance.now() - begun, records };
}

function batchesOf(events: readonly NewEvent[]): RawEvent[][] {
  const batches: RawEvent[][] = [];
  for (let at = 0; at < events.length; at += BATCH_EVENTS) {
    const batch = events.slice(at, at + BATCH_EVENTS);
    const view = (bytes: Uint8Array | null): Buffer | null =>
      bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    batches.push(batch.map(({ key, value }) => ({ key: view(key), value: view(value) })));
  }
  return batches;
}

/** Bytes that the node keeps of a topic, indexes left out. */
export function measureTopic({ kafka }: Stage, name: string): number {
  const folder = join(kafka.folder, "node-1", "data");
  const own = readdirSync(folder).filter((part) => part.replace(/-\d+$/, "") === name);
  const logs = own.flatMap((part) =>
    readdirSync(join(folder, part))
      .filter((file) => file.endsWith(".log"))
      .map((file) => statSync(join(folder, part, file)).size),
  );
  return logs.reduce((sum, size) => sum + size, 0);
}

/** Bytes of an access-log entry, and of key and value of the decision it becomes. */
export function sizeOf(stage: Stage): { entryBytes: number; valueBytes: number } {
  const total = (of: (event: NewEvent) => number): number =>
    stage.events.reduce((sum, event) => sum + of(event), 0);
  return {
    entryBytes: stage.messages.reduce((sum, { length }) => sum + length, 0) / stage.count,
    valueBytes: total(({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0)) / stage.count,
  };
}

/** Rounds of all contenders by turns; the first ones, to warm up, are left out. */
export async function runRounds(stage: Stage, rounds: number, warm: number): Promise<Round[]> {
  const { broker, count } = stage;
  const raw = await openRawProducer(broker, `raw-${TOPIC}`);
  const batches = batchesOf(stage.events);
  const { valueBytes } = sizeOf(stage);
  const recordBytes = Math.round(valueBytes);
  const batchBytes = Math.ceil((BATCH_EVENTS / PARTITIONS) * (recordBytes + 20));
  const java = { broker, topic: `java-${TOPIC}`, count };
  const runs: Readonly<Record<Contender, () => Promise<number>>> = {
    learner: () => runLearner(stage),
    rawRead: () => consumeRaw(broker, `read-${TOPIC}`, count),
    javaRead: async () =>
      (1_000 * count) / (await consumeByJava({ ...java, topic: `read-${TOPIC}` })),
    collector: () => runCollector(stage),
    rawWrite: () => raw.send(batches),
    javaWrite: async () => (1_000 * count) / (await produceByJava(java, recordBytes, batchBytes)),
  };
  const done: Round[] = [];
  for (let round = 0; round < warm + rounds; round++) {
    for (const at of turnOrder(CONTENDERS.length, round)) {
      const contender = CONTENDERS[at] as Contender;
      globalThis.gc?.();
      const before = process.cpuUsage();
      const took = await runs[contender]();
      const { user, system } = process.cpuUsage(before);
      const one = { round, contender, perSecond: (1_000 * count) / took };
      const all = { ...one, cpuUs: (user + system) / count };
      console.log(`${round} ${contender} ${all.perSecond.toFixed(0)}/s ${all.cpuUs.toFixed(1)} us`);
      if (round >= warm) done.push(all);
    }
  }
  await raw.close();
  return done;
}
