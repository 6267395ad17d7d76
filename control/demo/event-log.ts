import { join } from "node:path";
import { createTopics } from "../events/kafka-topics.ts";
import { listTopics } from "../events/topics.ts";
import { startKafka } from "../kafka/broker.ts";
import { describeLog, resolveLog } from "../settings-log.ts";
import type { Closers } from "./folder.ts";

/** Where the demo keeps its events: a file, a Kafka it starts, or one that runs already. */
export type DemoLog = { kind: "sqlite" } | { kind: "kafka"; brokers: string | null };

/** Enough to show that order holds within a partition only. */
const PARTITIONS = 3;
const KEEP_MS = 86_400_000;
const DISK_BYTES = 1024 ** 3;

/** The lines of limen.yaml about the log. */
export type LogLines = { log: string; kafka?: { prefix: string } };

async function startBrokers(
  folder: string,
  closers: Closers,
  say: (line: string) => void,
): Promise<string> {
  const kafka = await startKafka({ folder: join(folder, "kafka"), say });
  closers.add(kafka.stop);
  return kafka.brokers.join(",");
}

/** Starts what the log needs. In a Kafka that is not its own the demo makes topics with a prefix
 * of their own, so that it touches nothing else, and says so. */
export async function openDemoLog(
  wanted: DemoLog,
  folder: string,
  closers: Closers,
  say: (line: string) => void,
): Promise<LogLines> {
  if (wanted.kind === "sqlite") return { log: "sqlite:./limen.db" };
  const isOwn = wanted.brokers === null;
  const brokers = wanted.brokers ?? (await startBrokers(folder, closers, say));
  const prefix = isOwn ? "" : `demo-${Date.now().toString(36)}.`;
  const lines = { log: `kafka://${brokers}`, kafka: { prefix } };
  const log = resolveLog(lines.log, { ...DEFAULTS, prefix }, "--brokers", folder);
  if (log.kind !== "kafka") return lines;
  const sizes = { partitions: PARTITIONS, replication: 1, minInsync: 1 };
  await createTopics(log, listTopics({ ...sizes, prefix, keepMs: KEEP_MS, diskBytes: DISK_BYTES }));
  const remove = isOwn ? "" : `; remove them later: kafka-topics.sh --delete --topic '${prefix}.*'`;
  say(`event log ${describeLog(log)}, ${PARTITIONS} partitions, topics ${prefix}limen.*${remove}`);
  return lines;
}

const DEFAULTS = { clientId: "limen-demo", group: "limen-demo" };
