import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { walkBack } from "../../../control/explain/walk.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

/** A log of `count` events whose value is their number. */
async function aLog(count: number) {
  const log = createMemoryLog();
  const numbers = Array.from({ length: count }, (_, number) => number);
  await log.append(
    numbers.map((number) => ({
      topic: "limen.decisions",
      key: null,
      value: Uint8Array.of(number),
    })),
  );
  return log;
}

async function walk(log: Awaited<ReturnType<typeof aLog>>, bound: number, page = 4, until = -1) {
  const seen: number[] = [];
  const isBounded = await walkBack(log, {
    topic: "limen.decisions",
    partition: 0,
    bound,
    page,
    visit: ({ value }) => {
      seen.push(value?.[0] ?? -1);
      return value?.[0] !== until;
    },
  });
  return { seen, isBounded };
}

describe("walkBack", () => {
  it("visits the newest events once each, newest first, for any length, page and bound", async () => {
    const lengths = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 }), fc.nat(50));
    await fc.assert(
      fc.asyncProperty(lengths, async ([count, page, bound]) => {
        const { seen, isBounded } = await walk(await aLog(count), bound, page);
        const length = Math.min(count, bound);
        expect(seen).toEqual(Array.from({ length }, (_, at) => count - 1 - at));
        expect(isBounded).toBe(count > bound);
      }),
      { numRuns: 60 },
    );
  });

  it("visits all of them where a read gives fewer than it was asked for", async () => {
    const log = await aLog(10);
    const stingy: typeof log = {
      ...log,
      read: (topic, partition, from, max) => log.read(topic, partition, from, Math.min(max, 2)),
    };
    expect((await walk(stingy, 9, 5)).seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it("ends where the visitor says so", async () => {
    expect(await walk(await aLog(10), 100, 3, 6)).toEqual({ seen: [9, 8, 7, 6], isBounded: false });
  });

  it("passes by events that are gone, without calling that a bound", async () => {
    const log = await aLog(10);
    const forgetful = {
      ...log,
      read: async (...call: Parameters<typeof log.read>) => {
        const events = await log.read(call[0], call[1], call[2], 100);
        return events.filter(({ offset }) => offset >= 7n).slice(0, call[3]);
      },
    };
    expect(await walk(forgetful, 5)).toEqual({ seen: [9, 8, 7], isBounded: false });
  });
});
