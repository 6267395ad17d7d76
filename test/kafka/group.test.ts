import { spawn } from "node:child_process";
import { join as joinPath } from "node:path";
import kafkajs from "kafkajs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Group, joinGroup } from "../../control/events/kafka-group.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";
import { makeTopics, startTestKafka, type TestKafka, until } from "../support/broker.ts";

/** Promptly: the next heartbeat of the others, and a turn of the machine. */
const PROMPT_MS = 5_000;
/** How long a group waits for a member that is silent. */
const SESSION_MS = 8_000;
const PARTITIONS = 6;
const CHILD = joinPath(import.meta.dirname, "../support/group-child.ts");

let kafka: TestKafka | undefined;
let members: Member[] = [];
beforeAll(async () => {
  kafka = await startTestKafka();
});
afterEach(async () => {
  for (const { group } of members) await group.close();
  members = [];
});
afterAll(() => kafka?.remove());

type Member = { group: Group; owned: number[]; generation: number; errors: string[] };

function join(settings: KafkaSettings): Member {
  const member: Member = {
    owned: [],
    generation: -1,
    errors: [],
    group: joinGroup(settings, {
      groupId: settings.group,
      onAssigned: (partitions, generation) => {
        member.owned = partitions;
        member.generation = generation;
      },
      onError: ({ message }) => member.errors.push(message),
    }),
  };
  members.push(member);
  return member;
}

async function setUp(prefix: string): Promise<KafkaSettings> {
  if (!kafka) throw new Error("no Kafka");
  const settings = kafka.settingsOf(prefix);
  await makeTopics(settings, { partitions: PARTITIONS });
  return settings;
}

/** Waits until the members have all partitions in the shares given, each one once. */
const untilShared = (all: readonly Member[], shares: number[], timeoutMs = PROMPT_MS) =>
  until(() => {
    const owned = all.flatMap((member) => member.owned);
    const sizes = all.map((member) => member.owned.length).toSorted();
    const isOne = new Set(all.map(({ generation }) => generation)).size === 1;
    const isAll = new Set(owned).size === PARTITIONS && owned.length === PARTITIONS;
    return isOne && isAll && sizes.join() === shares.toSorted().join();
  }, timeoutMs);

describe("joinGroup", () => {
  it("gives one member all, shares with a second, and gives back when it leaves", async ({
    skip,
  }) => {
    if (!kafka) return skip();
    const settings = await setUp("two.");
    const first = join(settings);
    await untilShared([first], [6]);
    const second = join(settings);
    await untilShared([first, second], [3, 3]);
    await second.group.close();
    await untilShared([first], [6]);
    const [third, fourth] = [join(settings), join(settings)];
    await untilShared([first, third, fourth], [2, 2, 2]);
  });

  it("leaves with the older member what its share allows", async ({ skip }) => {
    if (!kafka) return skip();
    const settings = await setUp("sticky.");
    const first = join(settings);
    await untilShared([first], [6]);
    const second = join(settings);
    await untilShared([first, second], [3, 3]);
    expect(first.owned).toEqual([0, 1, 2]);
  });

  it("gives the partitions of a member whose process was killed to the others", async ({
    skip,
  }) => {
    if (!kafka) return skip();
    const settings = await setUp("killed.");
    const first = join(settings);
    await untilShared([first], [6]);
    const child = spawn(process.execPath, [CHILD, JSON.stringify(settings)]);
    await until(() => first.owned.length === 3, 10_000);
    child.kill("SIGKILL");
    await untilShared([first], [6], SESSION_MS + PROMPT_MS);
  });

  it("goes on after the broker was killed and started again", async ({ skip }) => {
    if (!kafka) return skip();
    const settings = await setUp("restart.");
    const [first, second] = [join(settings), join(settings)];
    await untilShared([first, second], [3, 3]);
    await kafka.nodes[0]?.kill9();
    await kafka.nodes[0]?.restart();
    const third = join(settings);
    await untilShared([first, second, third], [2, 2, 2], 30_000);
  });

  it("gives up what it had once it cannot say that it is there", async ({ skip }) => {
    if (!kafka) return skip();
    const settings = await setUp("lost.");
    const member = join(settings);
    await untilShared([member], [6]);
    await kafka.nodes[0]?.kill9();
    await until(() => member.owned.length === 0, 12_000);
    expect(member.errors.length).toBe(1);
    await kafka.nodes[0]?.restart();
    await untilShared([member], [6], 30_000);
  });

  it("commits offsets that other tools see", async ({ skip }) => {
    if (!kafka) return skip();
    const settings = await setUp("commit.");
    const member = join(settings);
    await untilShared([member], [6]);
    await member.group.commit(2, 41n);
    const { Kafka, logLevel } = kafkajs;
    const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const [topic] = await admin.fetchOffsets({ groupId: settings.group });
    await admin.disconnect();
    expect(topic?.topic).toBe("commit.limen.decisions");
    expect(topic?.partitions.find(({ partition }) => partition === 2)?.offset).toBe("41");
  });

  it("leaves within a second", async ({ skip }) => {
    if (!kafka) return skip();
    const member = join(await setUp("leave."));
    await untilShared([member], [6]);
    const begin = performance.now();
    await member.group.close();
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});
