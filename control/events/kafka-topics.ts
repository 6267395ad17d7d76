import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaSettings } from "../settings-log.ts";
import { connectKafka } from "./kafka-connection.ts";
import { classify } from "./kafka-errors.ts";
import { type Cluster, createTopicsOf } from "./kafka-internals.ts";
import { TOPICS } from "./log.ts";
import { CONFIG_NAMES, type TopicDefinition, type TopicFacts } from "./topics.ts";

/** A person waits. */
const OPEN_MS = 7_000;
const TOPIC_RESOURCE = 2;
/** How long a topic just made may be unknown to another broker. */
const SPREAD_MS = 500;

/** The names that exist; the others are missing for the broker that was asked. */
async function findExisting(cluster: Cluster, names: readonly string[]): Promise<string[]> {
  const existing: string[] = [];
  for (const name of names) {
    try {
      await cluster.addTargetTopic(name);
      existing.push(name);
    } catch (thrown) {
      if (classify(thrown).type !== "UNKNOWN_TOPIC_OR_PARTITION") throw thrown;
    }
  }
  return existing;
}

/** Settings by topic; empty when this user may not read them. */
async function readConfigs(cluster: Cluster, names: readonly string[]) {
  const found = new Map<string, Record<string, string>>();
  const resources = names.map((name) => ({
    type: TOPIC_RESOURCE,
    name,
    configNames: CONFIG_NAMES,
  }));
  if (names.length === 0) return found;
  try {
    const broker = await cluster.findControllerBroker();
    const answer = await broker.describeConfigs({ resources });
    for (const { resourceName, configEntries } of answer.resources) {
      const entries = configEntries.map((one) => [one.configName, one.configValue] as const);
      found.set(resourceName, Object.fromEntries(entries));
    }
  } catch (thrown) {
    if (classify(thrown).way !== "refused") throw thrown;
  }
  return found;
}

async function readFacts(cluster: Cluster, names: readonly string[]): Promise<TopicFacts[]> {
  let existing = await findExisting(cluster, names);
  if (existing.length < names.length) {
    await sleep(SPREAD_MS);
    existing = await findExisting(cluster, names);
  }
  const configs = await readConfigs(cluster, existing);
  return existing.map((name) => {
    const partitions = cluster.findTopicPartitionMetadata(name);
    return {
      name,
      partitions: partitions.length,
      replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: configs.get(name) ?? null,
    };
  });
}

/** What the brokers say of Limen's topics; those that are missing are left out. */
export async function readTopicFacts(settings: KafkaSettings): Promise<TopicFacts[]> {
  const connection = connectKafka(settings);
  const names = TOPICS.map((topic) => `${settings.prefix}${topic}`);
  const step = (cluster: Cluster): Promise<TopicFacts[]> => readFacts(cluster, names);
  try {
    return await connection.attempt("look at the topics", OPEN_MS, step);
  } finally {
    connection.close();
  }
}

/** Makes topics that are not there, when somebody asked for it; others stay as they are. */
export async function createTopics(
  settings: KafkaSettings,
  topics: readonly TopicDefinition[],
): Promise<void> {
  const connection = connectKafka(settings);
  try {
    await connection.attempt("make topics", OPEN_MS, async (cluster) => {
      const names = topics.map(({ name }) => name);
      const existing = await findExisting(cluster, names);
      const missing = topics.filter(({ name }) => !existing.includes(name));
      if (missing.length > 0) await createTopicsOf(cluster, missing);
      for (const { name } of missing) await cluster.addTargetTopic(name);
    });
  } finally {
    connection.close();
  }
}
