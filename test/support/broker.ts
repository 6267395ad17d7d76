// One real Kafka for a test file, and logs on it: each under a prefix of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LimenError } from "../../control/errors.ts";
import { openKafkaLog } from "../../control/events/kafka.ts";
import { createTopics } from "../../control/events/kafka-topics.ts";
import type { EventLog } from "../../control/events/log.ts";
import { listTopics, type TopicDefinition } from "../../control/events/topics.ts";
import { type KafkaOptions, type RunningKafka, startKafka } from "../../control/kafka/broker.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";
import { passBy } from "./pass-by.ts";

export type TestKafka = RunningKafka & {
  folder: string;
  /** Settings with the prefix; `more` for TLS and login. */
  settingsOf(prefix: string, more?: Partial<KafkaSettings>): KafkaSettings;
  remove(): Promise<void>;
};

/** A running Kafka, or undefined when Java or Maven is missing here. */
export async function startTestKafka(
  options: Omit<KafkaOptions, "folder"> = {},
): Promise<TestKafka | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "limen-kafka-"));
  try {
    const kafka = await startKafka({ ...options, folder });
    return {
      ...kafka,
      folder,
      settingsOf: (prefix, more = {}) => ({
        kind: "kafka",
        brokers: kafka.brokers,
        tls: null,
        sasl: null,
        clientId: "limen-test",
        group: `${prefix}learn`,
        prefix,
        ...more,
      }),
      remove: async () => {
        await kafka.stop();
        rmSync(folder, { recursive: true });
      },
    };
  } catch (thrown) {
    rmSync(folder, { recursive: true });
    if (!(thrown instanceof LimenError && thrown.code === "missing")) throw thrown;
    passBy(thrown.message);
    return undefined;
  }
}

export type MakeOptions = {
  partitions?: number;
  replication?: number;
  minInsync?: number;
  /** Makes a topic other than Limen wants it. */
  change?: (topic: TopicDefinition) => TopicDefinition;
};

/** Makes the topics of the settings. */
export async function makeTopics(settings: KafkaSettings, options: MakeOptions = {}) {
  const { partitions = 1, replication = 1, minInsync = 1, change = (topic) => topic } = options;
  const { prefix } = settings;
  const bounds = { keepMs: 86_400_000, diskBytes: 10 * 1024 ** 3 };
  const topics = listTopics({ partitions, replication, minInsync, prefix, ...bounds });
  await createTopics(settings, topics.map(change));
}

/** Changes one topic, named without the prefix. */
export const changeOne =
  (name: string, other: Partial<TopicDefinition>) =>
  (topic: TopicDefinition): TopicDefinition =>
    topic.name.endsWith(name)
      ? { ...topic, ...other, config: { ...topic.config, ...other.config } }
      : topic;

/** A log with topics made for it. */
export async function openTestLog(
  settings: KafkaSettings,
  options: MakeOptions = {},
): Promise<EventLog> {
  await makeTopics(settings, options);
  return openKafkaLog(settings);
}

/** The first answer that is one, asked for again and again. */
export async function until<Value>(
  ask: () => Promise<Value | undefined | false> | Value | undefined | false,
  timeoutMs = 30_000,
): Promise<Value> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`not so within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
