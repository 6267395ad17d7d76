import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LimenError } from "../../control/errors.ts";
import { readTopicFacts } from "../../control/events/kafka-topics.ts";
import { compareTopics, listTopics, renderCommands } from "../../control/events/topics.ts";
import { getKafkaJars } from "../../control/kafka/jars.ts";
import { changeOne, makeTopics, startTestKafka, type TestKafka } from "../support/broker.ts";
import { passBy } from "../support/pass-by.ts";

/** What Kafka's scripts start, and whose jars have it. */
const PROGRAMS: Readonly<Record<string, readonly ["broker" | "tools", string]>> = {
  "kafka-topics.sh": ["tools", "org.apache.kafka.tools.TopicCommand"],
  "kafka-configs.sh": ["broker", "kafka.admin.ConfigCommand"],
};

let kafka: TestKafka | undefined;
beforeAll(async () => {
  try {
    await getKafkaJars({ set: "tools" });
  } catch (thrown) {
    if (!(thrown instanceof LimenError) || thrown.code !== "missing") throw thrown;
    passBy(thrown.message);
    return;
  }
  kafka = await startTestKafka();
});
afterAll(() => kafka?.remove());

/** Runs a line as Kafka's own script of that name does. */
async function run(line: string): Promise<void> {
  const [script = "", ...args] = line.split(" ");
  const [set, program] = PROGRAMS[script] ?? ["tools", "none"];
  const jars = await getKafkaJars({ set });
  const flags = ["-XX:TieredStopAtLevel=1", "-cp", join(jars, "*"), program];
  execFileSync("java", [...flags, ...args], { stdio: "pipe" });
}

describe("renderCommands, run by Kafka's own programs", () => {
  it("makes topics, and sets what one that is there has otherwise", async ({ skip }) => {
    if (!kafka) return skip();
    const settings = kafka.settingsOf("run.");
    const config = { "cleanup.policy": "compact", "message.timestamp.type": "CreateTime" };
    const bounds = { keepMs: 86_400_000, diskBytes: 10 * 1024 ** 3, prefix: "run." };
    const wanted = listTopics({ partitions: 3, replication: 1, minInsync: 1, ...bounds });
    await makeTopics(settings, { partitions: 3, change: changeOne("limen.counts", { config }) });
    expect(compareTopics(await readTopicFacts(settings), wanted)).toHaveLength(2);
    const fresh = { ...bounds, prefix: "fresh." };
    const other = listTopics({ partitions: 3, replication: 1, minInsync: 1, ...fresh });
    const pick = (name: string) => [...wanted, ...other].filter((topic) => topic.name === name);
    const brokers = kafka.brokers.join(",");
    for (const topics of [pick("run.limen.counts"), pick("fresh.limen.counts")]) {
      for (const line of renderCommands(topics, brokers).trim().split("\n")) await run(line);
    }
    expect(compareTopics(await readTopicFacts(settings), wanted)).toEqual([]);
    const made = await readTopicFacts(kafka.settingsOf("fresh."));
    expect(compareTopics(made, pick("fresh.limen.counts"))).toEqual([]);
  });
});
