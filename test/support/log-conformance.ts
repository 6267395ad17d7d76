// What every event log promises; each adapter's test runs all of it.
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  type EventLog,
  type NewEvent,
  type StoredEvent,
  type Topic,
  VALUE_BYTES_MAX,
} from "../../control/events/log.ts";
import { readFull } from "../../control/events/read-full.ts";

export type LogUnderTest = {
  log: EventLog;
  /** Closes the log and opens the same one again; undefined when it keeps nothing. */
  reopen?: () => Promise<EventLog>;
  /** Stops everything and removes what was made. */
  remove: () => Promise<void>;
};
/** Undefined: the real program behind the log is not on this machine, which has been said. */
export type OpenLog = (options: {
  partitions: number;
  now: () => number;
}) => Promise<LogUnderTest | undefined>;

/** The longest a log may take to close. */
const CLOSE_MS = 1_000;

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | null): string | null => value && Buffer.from(value).toString();
const event = (value: string, key: string | null = null): NewEvent => ({
  topic: "limen.decisions",
  key: key === null ? null : bytes(key),
  value: bytes(value),
});

/** Everything of a partition, read `max` at a time. */
export async function readAll(
  log: EventLog,
  topic: Topic,
  partition = 0,
  max = 1000,
): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  const end = await log.end(topic, partition);
  let from = 0n;
  while (from < end) {
    const batch = await log.read(topic, partition, from, max);
    const last = batch.at(-1);
    if (!last) break;
    all.push(...batch);
    from = last.offset + 1n;
  }
  return all;
}

/** Runs the suite; `open` makes an empty log each time. */
export function describeConformance(name: string, open: OpenLog): void {
  let opened: LogUnderTest | undefined;
  const start = async (
    skip: () => void,
    partitions = 1,
    now: () => number = Date.now,
  ): Promise<EventLog> => {
    opened = await open({ partitions, now });
    if (!opened) skip();
    return opened?.log as EventLog;
  };
  afterEach(async () => {
    await opened?.remove();
    opened = undefined;
  });

  describe(`${name}, order`, () => {
    it("reads a batch back in the order of its append", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a"), event("b"), event("c")]);
      const values = (await readAll(log, "limen.decisions")).map(({ value }) => text(value));
      expect(values).toEqual(["a", "b", "c"]);
    });

    it("gives the same events whatever the size of a read", async ({ skip }) => {
      const log = await start(skip);
      for (let at = 0; at < 7; at++) await log.append([event(`${at}`), event(`${at}'`)]);
      const whole = await readAll(log, "limen.decisions");
      for (const max of [1, 2, 3, 13, 14, 15]) {
        expect(await readAll(log, "limen.decisions", 0, max)).toEqual(whole);
      }
    });

    it("gives as many large events as are asked for by readFull", async ({ skip }) => {
      const log = await start(skip);
      // As many tables: 5 MB, more than one answer of a broker holds.
      const large = "x".repeat(50_000);
      for (let at = 0; at < 10; at++)
        await log.append(Array.from({ length: 10 }, () => event(large)));
      const place = { topic: "limen.decisions", partition: 0 } as const;
      expect((await readFull(log, place, 5n, 90)).length).toBe(90);
    });

    it("grows offsets from event to event, also across appends", async ({ skip }) => {
      const log = await start(skip);
      for (let at = 0; at < 5; at++) await log.append([event("x"), event("y")]);
      const offsets = (await readAll(log, "limen.decisions")).map(({ offset }) => offset);
      expect(offsets.every((offset, at) => at === 0 || offset > (offsets[at - 1] ?? -1n))).toBe(
        true,
      );
    });

    it("starts a read at the first event with the offset or above", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a"), event("b"), event("c")]);
      const [, second] = await readAll(log, "limen.decisions");
      const rest = await log.read("limen.decisions", 0, second?.offset ?? 0n, 10);
      expect(rest.map(({ value }) => text(value))).toEqual(["b", "c"]);
    });

    it("answers a read at the end with nothing", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a")]);
      const end = await log.end("limen.decisions", 0);
      expect(await log.read("limen.decisions", 0, end, 10)).toEqual([]);
    });

    it("keeps topics apart", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a"), { topic: "limen.labels", key: null, value: bytes("l") }]);
      const labels = await readAll(log, "limen.labels");
      expect(labels.map(({ value }) => text(value))).toEqual(["l"]);
    });
  });

  describe(`${name}, events`, () => {
    it("keeps null apart from empty, in keys and values", async ({ skip }) => {
      const log = await start(skip);
      const empty = new Uint8Array(0);
      await log.append([
        { topic: "limen.labels", key: null, value: empty },
        { topic: "limen.labels", key: null, value: null },
      ]);
      const values = (await readAll(log, "limen.labels")).map(({ key, value }) => [
        key,
        value?.length ?? null,
      ]);
      expect(values).toEqual([
        [null, 0],
        [null, null],
      ]);
    });

    it("keeps any bytes and any headers", async ({ skip }) => {
      const log = await start(skip);
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 300 }),
          fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { noNullPrototype: true }),
          async (value, headers) => {
            const from = await log.end("limen.labels", 0);
            await log.append([{ topic: "limen.labels", key: null, value, headers }]);
            const [stored] = await log.read("limen.labels", 0, from, 1);
            expect(Buffer.from(stored?.value ?? []).equals(Buffer.from(value))).toBe(true);
            expect(stored?.headers).toEqual(headers);
          },
        ),
        { numRuns: 40 },
      );
    });

    it("never lets time go back within a partition when the clock does", async ({ skip }) => {
      const clock = [5_000, 9_000, 4_000, 7_000, 9_001];
      let at = 0;
      const log = await start(skip, 1, () => clock[Math.min(at++, clock.length - 1)] ?? 0);
      for (let count = 0; count < 6; count++) await log.append([event("x")]);
      const times = (await readAll(log, "limen.decisions")).map(({ time }) => time);
      expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0))).toBe(
        true,
      );
    });

    it("never lets time go back over topics: what comes later is not earlier", async ({ skip }) => {
      const clock = { now: 9_000 };
      const log = await start(skip, 1, () => clock.now);
      if (!log.hasOneClock) return;
      await log.append([event("x")]);
      clock.now = 4_000;
      await log.append([{ ...event("y"), topic: "limen.labels" }]);
      const [later] = await readAll(log, "limen.labels");
      expect(later?.time).toBe(9_000);
    });
  });

  describe(`${name}, partitions`, () => {
    it("puts one key into one partition, over topics too", async ({ skip }) => {
      const log = await start(skip, 6);
      const keys = Array.from({ length: 50 }, (_, at) => `k${at}`);
      await log.append(keys.map((key) => event(key, key)));
      await log.append(
        keys.map((key) => ({ topic: "limen.labels", key: bytes(key), value: bytes(key) })),
      );
      for (let partition = 0; partition < 6; partition++) {
        const decisions = await readAll(log, "limen.decisions", partition);
        const labels = await readAll(log, "limen.labels", partition);
        expect(labels.map(({ key }) => text(key))).toEqual(decisions.map(({ key }) => text(key)));
      }
    });

    it("places k1 in partition 5 of 6, as Kafka's own clients do", async ({ skip }) => {
      const log = await start(skip, 6);
      await log.append([event("v", "k1")]);
      expect((await readAll(log, "limen.decisions", 5)).length).toBe(1);
    });

    it("puts an event into the partition it names, whatever its key", async ({ skip }) => {
      const log = await start(skip, 6);
      await log.append([{ ...event("v", "k1"), partition: 2 }]);
      const [stored] = await readAll(log, "limen.decisions", 2);
      expect([stored?.partition, text(stored?.value ?? null)]).toEqual([2, "v"]);
    });

    it.for([-1, 6])("refuses partition %s of 6", async (partition, { skip }) => {
      const log = await start(skip, 6);
      await expect(log.append([{ ...event("v"), partition }])).rejects.toMatchObject({
        code: "input",
      });
    });

    it("puts events without a key into partition 0", async ({ skip }) => {
      const log = await start(skip, 6);
      await log.append([event("a"), event("b")]);
      expect((await readAll(log, "limen.decisions", 0)).length).toBe(2);
    });
  });

  describe(`${name}, compaction`, () => {
    it("keeps the latest value of each key of limen.counts", async ({ skip }) => {
      const log = await start(skip);
      const put = (key: string, value: string): Promise<void> =>
        log.append([{ topic: "limen.counts", key: bytes(key), value: bytes(value) }]);
      await put("a", "1");
      await put("b", "1");
      await put("a", "2");
      const latest = new Map(
        (await readAll(log, "limen.counts")).map(({ key, value }) => [text(key), text(value)]),
      );
      expect(Object.fromEntries(latest)).toEqual({ a: "2", b: "1" });
    });
  });

  describe(`${name}, size`, () => {
    it("takes a value of the largest size, and refuses one byte more", async ({ skip }) => {
      const log = await start(skip);
      const value = new Uint8Array(VALUE_BYTES_MAX).fill(7);
      await log.append([{ topic: "limen.tables", key: null, value }]);
      const [stored] = await log.read("limen.tables", 0, 0n, 1);
      expect(Buffer.compare(stored?.value ?? new Uint8Array(0), value)).toBe(0);
      const larger = new Uint8Array(VALUE_BYTES_MAX + 1);
      const append = log.append([{ topic: "limen.tables", key: null, value: larger }]);
      await expect(append).rejects.toMatchObject({ code: "input" });
    });

    it("reads a batch of more than one answer of the log", async ({ skip }) => {
      const log = await start(skip);
      const value = new Uint8Array(1_000_000);
      await log.append(Array.from({ length: 10 }, () => ({ ...event("x"), value })));
      expect((await readAll(log, "limen.decisions")).length).toBe(10);
    });
  });

  describe(`${name}, closed`, () => {
    it("closes within a second, and refuses an append after it", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a")]);
      const begin = performance.now();
      await log.close();
      expect(performance.now() - begin).toBeLessThan(CLOSE_MS);
      await expect(log.append([event("b")])).rejects.toThrow(/closed/);
    });
  });

  describe(`${name}, opened again`, () => {
    it("has the same events, and goes on after the last offset", async ({ skip }) => {
      const log = await start(skip);
      await log.append([event("a", "k"), event("b")]);
      const before = await readAll(log, "limen.decisions");
      if (!opened?.reopen) return;
      const again = await opened.reopen();
      expect(await readAll(again, "limen.decisions")).toEqual(before);
      await again.append([event("c")]);
      const offsets = (await readAll(again, "limen.decisions")).map(({ offset }) => offset);
      expect(new Set(offsets).size).toBe(3);
    });
  });
}
