/** All contenders by turns on one real broker, each a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog, NewEvent } from "../../control/events/log.ts";
import { decisionTick, labelEvent, tickEvent } from "../../control/learn/join/label-event.ts";
import { makeTopics, type TestKafka } from "../support/broker.ts";
import { turnOrder } from "./figures.ts";
import {
  BATCH_EVENTS,
  decodeAll,
  makeLoad,
  OWN,
  type OwnContender,
  PARTITIONS,
  TOPIC,
} from "./kafka-contenders.ts";
import { consumeByJava, produceByJava } from "./kafka-java.ts";
import { LABEL_EACH } from "./kafka-load.ts";

const CHILD = fileURLToPath(new URL("kafka-child.ts", import.meta.url));

export const CONTENDERS = [
  "learner",
  "rawRead",
  "javaRead",
  "collector",
  "rawWrite",
  "javaWrite",
] as const;
export type Contender = (typeof CONTENDERS)[number];
export type Round = { round: number; contender: Contender; perSecond: number; cpuUs: number };
type Timed = { took: number; done: number; cpuUs: number };

export type Stage = {
  kafka: TestKafka;
  broker: string;
  count: number;
  /** Log time that the decisions span. */
  spanMs: number;
  /** Bytes of an access-log entry, and of key and value of the decision it becomes. */
  entryBytes: number;
  valueBytes: number;
};

const labelOf = ({ key }: NewEvent): NewEvent =>
  labelEvent(key ?? new Uint8Array(), { label: 1, source: "desk" });

/** Fills the topics at a steady rate of the log's time, labels among the decisions they follow. */
async function fill(
  log: EventLog,
  events: readonly NewEvent[],
  perSecond: number,
): Promise<number> {
  const begun = performance.now();
  for (let at = 0; at < events.length; at += BATCH_EVENTS) {
    const batch = events.slice(at, at + BATCH_EVENTS);
    await log.append([...batch, ...batch.filter((_, n) => n % LABEL_EACH === 7).map(labelOf)]);
    const dueMs = (1_000 * (at + batch.length)) / perSecond;
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

/** Topics, with so many decisions filled in at a rate of the log's time. */
export async function openStage(
  kafka: TestKafka,
  count: number,
  perSecond: number,
): Promise<Stage> {
  for (const prefix of ["read-", "write-", "raw-", "java-"]) {
    await makeTopics(kafka.settingsOf(prefix), { partitions: PARTITIONS });
  }
  const messages = makeLoad(count);
  const events = decodeAll(messages);
  const log = await openKafkaLog(kafka.settingsOf("read-"));
  const spanMs = await fill(log, events, perSecond);
  await log.close();
  const bytes = ({ key, value }: NewEvent): number => (key?.length ?? 0) + (value?.length ?? 0);
  return {
    kafka,
    broker: kafka.brokers[0] ?? "",
    count,
    spanMs,
    entryBytes: messages.reduce((sum, { length }) => sum + length, 0) / count,
    valueBytes: events.reduce((sum, event) => sum + bytes(event), 0) / count,
  };
}

/** Bytes that the node keeps of a topic, indexes left out. */
export function measureTopic({ kafka }: Pick<Stage, "kafka">, name: string): number {
  const folder = join(kafka.folder, "node-1", "data");
  const own = readdirSync(folder).filter((part) => part.replace(/-\d+$/, "") === name);
  const logs = own.flatMap((part) =>
    readdirSync(join(folder, part))
      .filter((file) => file.endsWith(".log"))
      .map((file) => statSync(join(folder, part, file)).size),
  );
  return logs.reduce((sum, size) => sum + size, 0);
}

async function hear(child: ChildProcess): Promise<unknown> {
  const ended = once(child, "exit").then(() => {
    throw new Error("a process that is measured ended");
  });
  ended.catch(() => undefined);
  const [message] = await Promise.race([once(child, "message"), ended]);
  return message;
}

type Own = { run: () => Promise<Timed>; close: () => void };

async function startOwn({ broker, count }: Stage, name: OwnContender): Promise<Own> {
  const child = fork(CHILD, [name, broker, String(count)], { stdio: "inherit" });
  await hear(child);
  const run = async (): Promise<Timed> => {
    const heard = hear(child);
    child.send("run");
    return (await heard) as Timed;
  };
  return { run, close: () => child.disconnect() };
}

/** One run of a contender that takes no turns. */
export async function runOnce(stage: Stage, name: OwnContender): Promise<Timed> {
  const own = await startOwn(stage, name);
  try {
    return await own.run();
  } finally {
    own.close();
  }
}

function createJava({ broker, count, valueBytes }: Stage) {
  const recordBytes = Math.round(valueBytes);
  const batchBytes = Math.ceil((BATCH_EVENTS / PARTITIONS) * (recordBytes + 20));
  const java = { broker, topic: `java-${TOPIC}`, count };
  const timed = (rate: number): Timed => ({ took: (1_000 * count) / rate, done: count, cpuUs: 0 });
  return {
    javaRead: async () => timed(await consumeByJava({ ...java, topic: `read-${TOPIC}` })),
    javaWrite: async () => timed(await produceByJava(java, recordBytes, batchBytes)),
  };
}

/** Rounds of all contenders by turns; the first ones, to warm up, are left out. */
export async function runRounds(stage: Stage, rounds: number, warm: number): Promise<Round[]> {
  const names = OWN.filter((name) => name !== "decider");
  const own = await Promise.all(names.map((name) => startOwn(stage, name)));
  const runs = {
    ...createJava(stage),
    ...Object.fromEntries(names.map((name, at) => [name, own[at]?.run])),
  } as Readonly<Record<Contender, () => Promise<Timed>>>;
  const done: Round[] = [];
  for (let round = 0; round < warm + rounds; round++) {
    for (const at of turnOrder(CONTENDERS.length, round)) {
      const contender = CONTENDERS[at] as Contender;
      const { took, cpuUs } = await runs[contender]();
      const perSecond = (1_000 * stage.count) / took;
      console.log(`${round} ${contender} ${perSecond.toFixed(0)}/s ${cpuUs.toFixed(1)} us`);
      if (round >= warm) done.push({ round, contender, perSecond, cpuUs });
    }
  }
  for (const { close } of own) close();
  return done;
}
