import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventLog } from "../../control/events/log.ts";
import { openTestLog, startTestKafka, type TestKafka, until } from "../support/broker.ts";
import { findLost, readNumbers, writeNumbers } from "../support/broker-append.ts";

let kafka: TestKafka | undefined;
let log: EventLog | undefined;
beforeAll(async () => {
  kafka = await startTestKafka({ nodes: 3 });
});
afterAll(async () => {
  await log?.close();
  await kafka?.remove();
});

describe("append, to three brokers of which one is killed by -9", () => {
  it("goes on without it, and loses nothing that it told as stored", async ({ skip }) => {
    if (!kafka) return skip();
    log = await openTestLog(kafka.settingsOf("three."), {
      partitions: 6,
      replication: 3,
      minInsync: 2,
    });
    const writer = writeNumbers(log);
    await until(() => writer.told.length > 100);
    await kafka.nodes[1]?.kill9();
    const before = writer.told.length;
    await until(() => writer.told.length > before + 200, 60_000);
    await writer.stop();
    expect(await findLost(log, writer)).toEqual([]);
    const numbers = await readNumbers(log);
    expect(numbers.length - new Set(numbers).size).toBeLessThanOrEqual(writer.failures.length);
  }, 180_000);
});
