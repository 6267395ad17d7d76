/** What is measured, each by itself: it needs a broker with the topics of kafka-rounds.ts, nothing
 * else, so that it can be a process of its own. */
import { fromBinary } from "@bufbuild/protobuf";
import { decodeEntry } from "../../control/collect/decode.ts";
import { createHashId } from "../../control/collect/hash-id.ts";
import { StreamAccessLogsMessageSchema } from "../../control/collect/proto/access-log_pb.ts";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog, NewEvent } from "../../control/events/log.ts";
import { openHistory } from "../../control/history/history.ts";
import { createLearner } from "../../control/learn/follow.ts";
import { createCountsFollower } from "../../control/learn/follow-counts.ts";
import { KEEP_NONE } from "../../control/learn/kept.ts";
import { nameReads } from "../../control/service/name-reads.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";
import { aSource, labelSettings } from "../support/labels.ts";
import { createMessages, LABEL_EACH, MESSAGE_ENTRIES, openFeed } from "./kafka-load.ts";
import { consumeRaw, openRawProducer, type RawEvent } from "./kafka-raw.ts";

/** As `limen install kafka` makes them. */
export const PARTITIONS = 12;
/** Of one model. */
export const SEGMENTS = 20;
/** Of one append of the collector, and of one send of the raw producer. */
export const BATCH_EVENTS = 2_000;
/** As the role `learn` takes them. */
const CHECKPOINT_MS = 1_000;
/** W is over for most of the topic while it is read: cohorts close with their labels. */
const WINDOW_MS = 1_000;
const TABLE = "00000000000000aa";
export const TOPIC = "limen.decisions";
const LABELS = labelSettings(aSource({ windowMs: WINDOW_MS, affectedByTag: false }));
const KEY = new Uint8Array(16).fill(7);

export const OWN = ["learner", "rawRead", "collector", "rawWrite", "decider"] as const;
/** Those of this project and of kafkajs; Kafka's own tools are programs of their own anyway. */
export type OwnContender = (typeof OWN)[number];
export type Place = {
  settingsOf: (prefix: string) => KafkaSettings;
  broker: string;
  count: number;
};
/** One run: how long it took, and how much it did when that is not the count. */
export type Done = { took: number; done?: number };
export type Runner = () => Promise<Done>;

const namesOfSegments = (count: number) => {
  const names = {
    segments: Array.from({ length: count }, (_, at) => `segment-${at}`),
    models: [{ name: "bot", digest: "00000000000000b0" }],
  };
  return () => names;
};

export const makeLoad = (count: number): Buffer[] => {
  const make = createMessages({ tableDigest: TABLE, segments: SEGMENTS });
  const numbers = Array.from({ length: count / MESSAGE_ENTRIES }, (_, at) => at);
  return numbers.map((at) => make(at * MESSAGE_ENTRIES));
};

export function decodeAll(messages: readonly Buffer[]): NewEvent[] {
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

/** Checkpoints are written for good, and a new learner does not find them: it reads all again. */
const forgetful = (log: EventLog): EventLog => ({
  ...log,
  end: async (topic, partition) => (topic === "limen.counts" ? 0n : log.end(topic, partition)),
});

async function openLearner({ settingsOf, count }: Place): Promise<Runner> {
  const read = await openKafkaLog(settingsOf("read-"));
  const history = await openHistory(read);
  return () => runLearner(nameReads(read, history), count);
}

async function runLearner(read: EventLog, count: number): Promise<Done> {
  let checkpoints = 0;
  const learner = await createLearner({
    log: forgetful(read),
    namesOf: namesOfSegments(SEGMENTS),
    labels: LABELS,
    checkpointMs: CHECKPOINT_MS,
    keep: KEEP_NONE,
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
  return { took };
}

async function runCollector(
  write: EventLog,
  messages: readonly Buffer[],
  count: number,
): Promise<Done> {
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
  return { took };
}

async function openCollector({ settingsOf, count }: Place): Promise<Runner> {
  const write = await openKafkaLog(settingsOf("write-"));
  const messages = makeLoad(count);
  return () => runCollector(write, messages, count);
}

/** The process that decides, over all of limen.counts; it does as many as it finds records. */
async function openDecider({ settingsOf }: Place): Promise<Runner> {
  const log = await openKafkaLog(settingsOf("read-"));
  return async () => {
    const follower = createCountsFollower({ log, labels: LABELS, onScored: () => undefined });
    const begun = performance.now();
    let done = 0;
    for (let more = await follower.step(); more > 0; more = await follower.step()) done += more;
    return { took: performance.now() - begun, done };
  };
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

async function openRawWriter({ broker, count }: Place): Promise<Runner> {
  const raw = await openRawProducer(broker, `raw-${TOPIC}`);
  const batches = batchesOf(decodeAll(makeLoad(count)));
  return async () => ({ took: await raw.send(batches) });
}

const openRawReader = async ({ broker, count }: Place): Promise<Runner> => {
  return async () => ({ took: await consumeRaw(broker, `read-${TOPIC}`, count) });
};

export const OPENERS: Readonly<Record<OwnContender, (place: Place) => Promise<Runner>>> = {
  learner: openLearner,
  rawRead: openRawReader,
  collector: openCollector,
  rawWrite: openRawWriter,
  decider: openDecider,
};
