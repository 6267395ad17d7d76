import { TOPICS, type Topic } from "./log.ts";

export type TopicDefinition = {
  /** With the prefix. */
  name: string;
  partitions: number;
  replication: number;
  config: Readonly<Record<string, string>>;
};

export type TopicOptions = {
  /** Of decisions, labels and counts; the others have one. It cannot change: keys would move. */
  partitions: number;
  /** Copies of each partition; 1 bears no loss of a broker. */
  replication: number;
  /** How many copies an event must have before its append returns. */
  minInsync: number;
  prefix: string;
  keepMs: number;
  /** Over all partitions, on each broker that has a copy. */
  diskBytes: number;
};

/** What a broker says of one topic; `config` is null when it may not be read. */
export type TopicFacts = {
  name: string;
  partitions: number;
  replication: number;
  config: Readonly<Record<string, string>> | null;
};

/** An error keeps Limen from starting; a warning is what will hurt one day. */
export type Finding = { level: "error" | "warning"; topic: string; text: string };

export const PARTITIONS_DEFAULT = 12;
/** A batch of 4 MiB of values with all that comes around them. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 16 * 1024 * 1024;
const SEGMENT_BYTES_MAX = 1024 ** 3;
/** Retention takes whole segments, so there must be several. */
const SEGMENTS = 8;

const PARTITIONED: readonly Topic[] = ["limen.decisions", "limen.labels", "limen.counts"];
/** The share of the disk that a topic may take; the latest counts of each key are small. */
const DISK_SHARES: Partial<Readonly<Record<Topic, number>>> = {
  "limen.decisions": 3 / 4,
  "limen.labels": 1 / 8,
  "limen.rejected": 1 / 16,
};

/** The settings of a topic that Limen looks at. */
export const CONFIG_NAMES = [
  "cleanup.policy",
  "max.message.bytes",
  "message.timestamp.type",
  "min.insync.replicas",
  "retention.ms",
  "retention.bytes",
] as const;

const countPartitions = (topic: Topic, partitions: number): number =>
  PARTITIONED.includes(topic) ? partitions : 1;

function retention(topic: Topic, partitions: number, options: TopicOptions) {
  const forever = { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" };
  if (topic === "limen.tables" || topic === "limen.commands") return forever;
  const policy = topic === "limen.counts" ? "compact,delete" : "delete";
  const kept = { "cleanup.policy": policy, "retention.ms": `${Math.round(options.keepMs)}` };
  const share = DISK_SHARES[topic];
  if (share === undefined) return { ...kept, "retention.bytes": "-1" };
  const bytes = Math.floor((options.diskBytes * share) / partitions);
  const segment = Math.floor(bytes / SEGMENTS);
  const bounded = Math.min(Math.max(segment, SEGMENT_BYTES_MIN), SEGMENT_BYTES_MAX);
  return { ...kept, "retention.bytes": `${bytes}`, "segment.bytes": `${bounded}` };
}

/** All topics as they must be. */
export function listTopics(options: TopicOptions): TopicDefinition[] {
  return TOPICS.map((topic) => {
    const partitions = countPartitions(topic, options.partitions);
    return {
      name: `${options.prefix}${topic}`,
      partitions,
      replication: options.replication,
      config: {
        ...retention(topic, partitions, options),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": `${MESSAGE_BYTES_MAX}`,
        "min.insync.replicas": `${options.minInsync}`,
      },
    };
  });
}

/** Commands of Kafka's own scripts: the first makes what is missing, the others set the rest. */
export function renderCommands(topics: readonly TopicDefinition[], brokers: string): string {
  const lines = topics.flatMap(({ name, partitions, replication, config }) => {
    const pairs = Object.entries(config);
    const size = `--partitions ${partitions} --replication-factor ${replication}`;
    const given = pairs.map(([key, value]) => `--config ${key}=${value}`).join(" ");
    // Brackets hold a value with a comma together.
    const set = pairs.map(([key, value]) => `${key}=${value.includes(",") ? `[${value}]` : value}`);
    return [
      `kafka-topics.sh --bootstrap-server ${brokers} --create --if-not-exists --topic ${name} ${size} ${given}`,
      `kafka-configs.sh --bootstrap-server ${brokers} --alter --topic ${name} --add-config ${set.join(",")}`,
    ];
  });
  return `${lines.join("\n")}\n`;
}

/** KafkaTopic resources of Strimzi, for the Kafka of that name. */
export function renderStrimzi(topics: readonly TopicDefinition[], cluster: string): string {
  const documents = topics.map(({ name, partitions, replication, config }) => {
    const pairs = Object.entries(config).map(([key, value]) => `    ${key}: "${value}"`);
    return [
      "apiVersion: kafka.strimzi.io/v1",
      "kind: KafkaTopic",
      "metadata:",
      `  name: ${name.toLowerCase().replaceAll("_", "-")}`,
      `  labels: { strimzi.io/cluster: ${cluster} }`,
      "spec:",
      `  topicName: ${name}`,
      `  partitions: ${partitions}`,
      `  replicas: ${replication}`,
      "  config:",
      ...pairs,
    ].join("\n");
  });
  return `${documents.join("\n---\n")}\n`;
}

const INSTALL = 'run "limen install kafka" and the commands it prints';

function compareConfig(facts: TopicFacts, wanted: TopicDefinition): Finding[] {
  const { config } = facts;
  const topic = facts.name;
  if (config === null) {
    const text = `its settings cannot be read; give Limen's user the right DescribeConfigs on it`;
    return [{ level: "warning", topic, text }];
  }
  const findings: Finding[] = [];
  const note = (level: Finding["level"], name: string, is: string, because: string): void => {
    const text = `${name} is ${is}, not ${wanted.config[name]}: ${because}; ${INSTALL}`;
    findings.push({ level, topic, text });
  };
  const value = (name: string): string => config[name] ?? "unknown";
  const isLess = (name: string): boolean => {
    const [has, needs] = [Number(config[name]), Number(wanted.config[name])];
    return has !== -1 && (needs === -1 || has < needs);
  };
  const policies = (text: string): string => text.split(",").toSorted().join(",");
  if (value("message.timestamp.type") !== wanted.config["message.timestamp.type"]) {
    note(
      "error",
      "message.timestamp.type",
      value("message.timestamp.type"),
      "times would be those of each sender's clock",
    );
  }
  if (policies(value("cleanup.policy")) !== policies(wanted.config["cleanup.policy"] ?? "")) {
    note("warning", "cleanup.policy", value("cleanup.policy"), "it keeps the wrong events");
  }
  if (isLess("max.message.bytes")) {
    note("warning", "max.message.bytes", value("max.message.bytes"), "large batches are refused");
  }
  if (isLess("retention.ms")) {
    note(
      "warning",
      "retention.ms",
      value("retention.ms"),
      "events go before Limen has done with them",
    );
  }
  return findings;
}

function compareOne(facts: TopicFacts | undefined, wanted: TopicDefinition): Finding[] {
  const topic = wanted.name;
  if (!facts) return [{ level: "error", topic, text: `it is missing; ${INSTALL}` }];
  const findings = compareConfig(facts, wanted);
  if (facts.partitions !== wanted.partitions) {
    const counts = `it has ${facts.partitions} partitions, not ${wanted.partitions}`;
    const text = `${counts}: keys would not meet; remove it and ${INSTALL}`;
    findings.unshift({ level: "error", topic, text });
  }
  const minInsync = Number(facts.config?.["min.insync.replicas"] ?? 1);
  if (minInsync > facts.replication) {
    const text = `min.insync.replicas is ${minInsync} of ${facts.replication} copies: nothing can be appended; lower it`;
    findings.push({ level: "error", topic, text });
  } else if (facts.replication < wanted.replication) {
    const text = `it has ${facts.replication} copies, not ${wanted.replication}; add some with kafka-reassign-partitions.sh`;
    findings.push({ level: "warning", topic, text });
  }
  return findings;
}

/** What is wrong with the topics a broker has, the worst first. */
export function compareTopics(
  facts: readonly TopicFacts[],
  wanted: readonly TopicDefinition[],
): Finding[] {
  const findings = wanted.flatMap((one) =>
    compareOne(
      facts.find(({ name }) => name === one.name),
      one,
    ),
  );
  return findings.toSorted((a, b) => Number(b.level === "error") - Number(a.level === "error"));
}
