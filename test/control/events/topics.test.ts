import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  compareTopics,
  listTopics,
  renderCommands,
  renderStrimzi,
  type TopicFacts,
  type TopicOptions,
} from "../../../control/events/topics.ts";

const DAY_MS = 86_400_000;
const GIB = 1024 ** 3;
const OPTIONS: TopicOptions = {
  partitions: 12,
  replication: 3,
  minInsync: 2,
  prefix: "shop.",
  keepMs: 7 * DAY_MS,
  diskBytes: 10 * GIB,
};
const wanted = listTopics(OPTIONS);
const factsOf = (change: Partial<TopicFacts> = {}, config: Record<string, string> = {}) =>
  wanted.map(
    (topic): TopicFacts =>
      topic.name === "shop.limen.labels"
        ? { ...topic, config: { ...topic.config, ...config }, ...change }
        : topic,
  );

describe("listTopics", () => {
  it("gives one number of partitions to the topics that meet, and one to the others", () => {
    const counts = Object.fromEntries(wanted.map(({ name, partitions }) => [name, partitions]));
    expect(counts).toEqual({
      "shop.limen.decisions": 12,
      "shop.limen.labels": 12,
      "shop.limen.counts": 12,
      "shop.limen.tables": 1,
      "shop.limen.commands": 1,
      "shop.limen.rejected": 1,
    });
  });

  it("has the log write the times of every topic", () => {
    const types = wanted.map(({ config }) => config["message.timestamp.type"]);
    expect(new Set(types)).toEqual(new Set(["LogAppendTime"]));
  });

  it("keeps history and commands for ever", () => {
    const kept = wanted.filter(({ config }) => config["retention.ms"] === "-1");
    expect(kept.map(({ name }) => name)).toEqual(["shop.limen.tables", "shop.limen.commands"]);
  });

  it("stays within the disk allowed, with all partitions full", () => {
    const bytes = wanted.map(({ partitions, config }) => {
      const limit = Number(config["retention.bytes"]);
      return limit === -1 ? 0 : partitions * limit;
    });
    expect(bytes.reduce((sum, one) => sum + one)).toBeLessThanOrEqual(10 * GIB);
  });
});

describe("renderStrimzi", () => {
  it("writes resources that a YAML parser reads as the topics", () => {
    const documents = parseAllDocuments(renderStrimzi(wanted, "main")).map((one) => one.toJS());
    expect(
      documents.map(({ spec }) => ({
        name: spec.topicName,
        partitions: spec.partitions,
        replication: spec.replicas,
        config: spec.config,
      })),
    ).toEqual(wanted);
  });
});

describe("renderCommands", () => {
  it("makes each topic and sets what one that is there lacks", () => {
    const lines = renderCommands(wanted, "b1:9092").trim().split("\n");
    const count = (word: string): number => lines.filter((line) => line.includes(word)).length;
    expect([count(" --create --if-not-exists "), count(" --add-config ")]).toEqual([6, 6]);
  });
});

describe("compareTopics", () => {
  it("finds nothing in topics as they must be", () => {
    expect(compareTopics(wanted, wanted)).toEqual([]);
  });

  it.each<[string, TopicFacts[], string, RegExp]>([
    ["a missing topic", factsOf().slice(1), "error", /it is missing; run "limen install kafka"/],
    ["other partitions", factsOf({ partitions: 6 }), "error", /6 partitions, not 12/],
    [
      "times of senders",
      factsOf({}, { "message.timestamp.type": "CreateTime" }),
      "error",
      /message\.timestamp\.type is CreateTime, not LogAppendTime/,
    ],
    [
      "more copies needed than there are",
      factsOf({ replication: 1 }),
      "error",
      /min\.insync\.replicas is 2 of 1 copies/,
    ],
    ["fewer copies", factsOf({ replication: 2 }), "warning", /2 copies, not 3/],
    [
      "another policy",
      factsOf({}, { "cleanup.policy": "compact" }),
      "warning",
      /cleanup\.policy is compact, not delete/,
    ],
    [
      "a smaller message",
      factsOf({}, { "max.message.bytes": "1048588" }),
      "warning",
      /max\.message\.bytes is 1048588, not 8388608/,
    ],
    [
      "a shorter retention",
      factsOf({}, { "retention.ms": "3600000" }),
      "warning",
      /retention\.ms is 3600000, not 604800000/,
    ],
    ["settings that cannot be read", factsOf({ config: null }), "warning", /DescribeConfigs/],
  ])("finds %s", (_, facts, level, text) => {
    expect(compareTopics(facts, wanted)).toEqual([
      expect.objectContaining({ level, text: expect.stringMatching(text) }),
    ]);
  });

  it("takes no retention for longer than any, and the policies in any order", () => {
    const facts = factsOf({}, { "retention.ms": "-1" }).map((topic) =>
      topic.name.endsWith("counts")
        ? { ...topic, config: { ...topic.config, "cleanup.policy": "delete,compact" } }
        : topic,
    );
    expect(compareTopics(facts, wanted)).toEqual([]);
  });
});
