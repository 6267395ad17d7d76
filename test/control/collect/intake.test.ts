import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createIntake, type IntakeOptions } from "../../../control/collect/intake.ts";
import { LimenError } from "../../../control/errors.ts";
import type { NewEvent } from "../../../control/events/log.ts";

const event = (value: number): NewEvent => ({
  topic: "limen.decisions",
  key: null,
  value: Uint8Array.of(value),
});
const events = (count: number): NewEvent[] => Array.from({ length: count }, (_, at) => event(at));

/** An intake whose appends are written down, and can be held back or made to fail. */
function startIntake(options: Partial<IntakeOptions> = {}) {
  const batches: number[][] = [];
  const gate = { fail: null as LimenError | null, hold: Promise.resolve() };
  const append = async (batch: readonly NewEvent[]): Promise<void> => {
    await gate.hold;
    if (gate.fail) throw gate.fail;
    batches.push(batch.map(({ value }) => value?.[0] ?? -1));
  };
  return { intake: createIntake({ append, batchMs: 5, ...options }), batches, gate };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let waited = 0; !isTrue() && waited < 5_000; waited += 5) await sleep(5);
}

const away = new LimenError("unavailable", "away");

describe("createIntake", () => {
  it("appends a full batch without waiting for the time", async () => {
    const { intake, batches } = startIntake({ batchEvents: 3, batchMs: 60_000 });
    intake.offer(events(7));
    await until(() => batches.length === 2);
    expect(batches).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    await intake.close();
  });

  it("appends a small batch when its time is over", async () => {
    const { intake, batches } = startIntake({ batchEvents: 100 });
    intake.offer(events(2));
    await until(() => batches.length > 0);
    expect(batches).toEqual([[0, 1]]);
  });

  it("keeps the order over batches", async () => {
    const { intake, batches } = startIntake({ batchEvents: 7 });
    for (let at = 0; at < 100; at++) intake.offer([event(at)]);
    await intake.close();
    expect(batches.flat()).toEqual(Array.from({ length: 100 }, (_, at) => at));
  });

  it("takes as many events as its buffer holds and counts each one more", async () => {
    const { intake, gate } = startIntake({ bufferEvents: 10 });
    gate.hold = new Promise(() => undefined);
    intake.offer(events(10));
    expect(intake.counters().dropped).toBe(0);
    intake.offer(events(1));
    expect(intake.counters()).toMatchObject({ accepted: 10, dropped: 1, pending: 10 });
  });

  it("asks to wait above half of its buffer, until it has room", async () => {
    const { intake, gate } = startIntake({ bufferEvents: 10, batchEvents: 3 });
    let release = (): void => undefined;
    gate.hold = new Promise((resolve) => {
      release = resolve;
    });
    expect(intake.offer(events(5))).toBe(true);
    expect(intake.offer(events(1))).toBe(false);
    const order: string[] = [];
    const room = intake.whenRoom().then(() => order.push(`room at ${intake.counters().pending}`));
    await sleep(20);
    order.push("released");
    release();
    await room;
    expect(order).toEqual(["released", "room at 3"]);
    await intake.close();
  });

  it("tries a failed batch again and loses nothing while there is room", async () => {
    const { intake, batches, gate } = startIntake();
    gate.fail = away;
    intake.offer(events(3));
    await until(() => intake.counters().failures >= 2);
    gate.fail = null;
    await until(() => batches.length > 0);
    expect(batches).toEqual([[0, 1, 2]]);
    expect(intake.counters()).toMatchObject({ appended: 3, dropped: 0 });
  });

  it("does not ask to wait while the log fails, and counts what finds no room", async () => {
    const { intake, gate } = startIntake({ bufferEvents: 10 });
    gate.fail = away;
    intake.offer(events(9));
    await until(() => intake.counters().failures > 0);
    expect(intake.offer(events(5))).toBe(true);
    expect(intake.counters()).toMatchObject({ dropped: 4, pending: 10 });
    await intake.close();
  });

  it("counts a batch that the log refuses for good, and goes on with the next", async () => {
    const { intake, batches, gate } = startIntake();
    gate.fail = new LimenError("input", "too large");
    intake.offer(events(2));
    await until(() => intake.counters().dropped === 2);
    gate.fail = null;
    intake.offer([event(9)]);
    await until(() => batches.length > 0);
    expect(batches).toEqual([[9]]);
  });

  it("appends what is left at close, and takes nothing after it", async () => {
    const { intake, batches } = startIntake({ batchMs: 60_000 });
    intake.offer(events(4));
    await intake.close();
    intake.offer(events(1));
    expect(batches).toEqual([[0, 1, 2, 3]]);
    expect(intake.counters()).toMatchObject({ appended: 4, dropped: 1 });
  });

  it("accounts for every event: accepted = appended + pending + refused", async () => {
    const { intake, gate } = startIntake({ bufferEvents: 50, batchEvents: 4 });
    for (let round = 0; round < 40; round++) {
      gate.fail = round % 3 === 0 ? away : null;
      intake.offer(events(5));
      await sleep(2);
    }
    gate.fail = null;
    await intake.close();
    const { accepted, appended, dropped } = intake.counters();
    expect(accepted).toBe(appended);
    expect(accepted + dropped).toBe(200);
  });
});
