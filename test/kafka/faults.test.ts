import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog } from "../../control/events/log.ts";
import { openTestLog, startTestKafka, type TestKafka, until } from "../support/broker.ts";
import { findLost, readNumbers, writeNumbers } from "../support/broker-append.ts";
import { type SlowProxy, startSlowProxy } from "../support/slow-proxy.ts";

/** An append gives up after 10 s; a little more for a busy machine. */
const GIVE_UP_MS = 13_000;

let kafka: TestKafka | undefined;
let proxy: SlowProxy;
let logs: EventLog[] = [];
beforeAll(async () => {
  proxy = await startSlowProxy();
  kafka = await startTestKafka({ advertisedPort: proxy.port });
  proxy.target = Number(kafka?.brokers[0]?.split(":")[1]);
});
afterEach(async () => {
  proxy.delayMs = 0;
  for (const log of logs) await log.close();
  logs = [];
});
afterAll(async () => {
  proxy.close();
  await kafka?.remove();
});

async function openLog(prefix: string, partitions = 1): Promise<EventLog> {
  const settings = kafka?.settingsOf(prefix, { brokers: [`127.0.0.1:${proxy.port}`] });
  if (!settings) throw new Error("no Kafka");
  const log = await openTestLog(settings, { partitions });
  logs.push(log);
  return log;
}
const append = (log: EventLog, number: number): Promise<void> =>
  log.append([
    { topic: "limen.decisions", key: null, value: new Uint8Array(Buffer.from(`${number}`)) },
  ]);

describe("append, to a slow broker", () => {
  it("keeps the order of appends that wait for one another", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("slow.");
    proxy.delayMs = 150;
    await Promise.all([0, 1, 2, 3].map((number) => append(log, number)));
    expect(await readNumbers(log)).toEqual([0, 1, 2, 3]);
  });

  it("stores a batch once when its answer was lost and it was sent again", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("answer.");
    await append(log, 0);
    proxy.hold();
    const late = append(log, 1);
    // Behind the time of one request, within that of the append.
    await sleep(6_000);
    proxy.heal();
    await late;
    expect(await readNumbers(log)).toEqual([0, 1]);
  });

  it("says within some seconds that it gave up, and takes the next for no repetition", async ({
    skip,
  }) => {
    if (!kafka) return skip();
    const log = await openLog("over.");
    await append(log, 0);
    proxy.hold();
    const begin = performance.now();
    await expect(append(log, 1)).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - begin).toBeLessThan(GIVE_UP_MS);
    proxy.heal();
    await append(log, 2);
    // Time for what was given up to come after all.
    await sleep(2_000);
    expect(await readNumbers(log)).toEqual([0, 1, 2]);
  });

  it("closes within a second while no answer comes", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("hang.");
    await append(log, 0);
    proxy.hold();
    const late = append(log, 1).catch((error: Error) => error.message);
    await sleep(200);
    const begin = performance.now();
    await log.close();
    expect(await late).toMatch(/closed/);
    expect(performance.now() - begin).toBeLessThan(1_000);
    proxy.heal();
  });
});

describe("append, with a broker killed by -9", () => {
  it("loses nothing that it told as stored, and goes on by itself", async ({ skip }) => {
    if (!kafka) return skip();
    const log = await openLog("kill.", 3);
    const writer = writeNumbers(log);
    await until(() => writer.told.length > 50);
    await kafka.nodes[0]?.kill9();
    await kafka.nodes[0]?.restart();
    const before = writer.told.length;
    await until(() => writer.told.length > before + 50);
    await writer.stop();
    expect(await findLost(log, writer)).toEqual([]);
    const again = await openKafkaLog(kafka.settingsOf("kill."));
    logs.push(again);
    expect(await findLost(again, writer)).toEqual([]);
  }, 120_000);
});
