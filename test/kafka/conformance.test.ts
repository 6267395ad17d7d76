import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog } from "../../control/events/log.ts";
import { changeOne, makeTopics, startTestKafka, type TestKafka } from "../support/broker.ts";
import { describeConformance } from "../support/log-conformance.ts";

let kafka: TestKafka | undefined;
let count = 0;
beforeAll(async () => {
  kafka = await startTestKafka();
});
afterAll(() => kafka?.remove());

describeConformance("openKafkaLog", async ({ partitions }) => {
  if (!kafka) return undefined;
  const settings = kafka.settingsOf(`c${count++}.`);
  await makeTopics(settings, { partitions });
  const logs: EventLog[] = [];
  const open = async (): Promise<EventLog> => {
    const log = await openKafkaLog(settings);
    logs.push(log);
    return log;
  };
  const log = await open();
  const reopen = async (): Promise<EventLog> => {
    await log.close();
    return open();
  };
  const remove = async (): Promise<void> => {
    for (const one of logs) await one.close();
  };
  return { log, reopen, remove };
});

describe("openKafkaLog, opened", () => {
  it("says in one line within 10 s that no broker answers", async () => {
    if (!kafka) return;
    const begin = performance.now();
    const settings = kafka.settingsOf("x.", { brokers: ["127.0.0.1:1"] });
    const thrown = await openKafkaLog(settings).catch((error: Error) => error);
    expect(thrown).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^event log kafka:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*$/),
    });
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it("names a missing topic and what makes it", async () => {
    if (!kafka) return;
    await expect(openKafkaLog(kafka.settingsOf("none."))).rejects.toThrow(
      /none\.limen\.decisions: it is missing; run "limen install kafka"/,
    );
  });

  it("refuses topics whose keys would not meet", async () => {
    if (!kafka) return;
    const settings = kafka.settingsOf("uneven.");
    await makeTopics(settings, {
      partitions: 3,
      change: changeOne("limen.labels", { partitions: 2 }),
    });
    await expect(openKafkaLog(settings)).rejects.toThrow(
      /uneven\.limen\.labels: it has 2 partitions, not 3: keys would not meet/,
    );
  });

  it("refuses a topic whose times are of the senders' clocks", async () => {
    if (!kafka) return;
    const settings = kafka.settingsOf("clock.");
    const config = { "message.timestamp.type": "CreateTime" };
    await makeTopics(settings, { change: changeOne("limen.labels", { config }) });
    await expect(openKafkaLog(settings)).rejects.toThrow(
      /clock\.limen\.labels: message\.timestamp\.type is CreateTime, not LogAppendTime/,
    );
  });
});
