import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LimenError } from "../../../control/errors.ts";
import type { EventLog } from "../../../control/events/log.ts";
import { openSqliteLog } from "../../../control/events/sqlite.ts";
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import type { LearnState } from "../../../control/learn/state.ts";
import { countByHand, readCounts } from "../../support/count-by-hand.ts";
import { aDecision, namesOf, TABLE_A, TABLE_B } from "../../support/decisions.ts";
import { readAll } from "../../support/log-conformance.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

type Clock = { now: number };
type Sent = { afterMs: number; seq: number; vm: bigint; bin: number; segment: number; arm: number };

/** Appends decisions of two tables by turns; the clock moves on before each. */
async function fill(log: EventLog, clock: Clock, sent: readonly Sent[]): Promise<void> {
  for (const { afterMs, seq, vm, bin, segment, arm } of sent) {
    clock.now += afterMs;
    const model = { bin, segment, arm };
    const tableDigest = seq % 3 === 0 ? TABLE_B : TABLE_A;
    const models = seq % 3 === 0 ? [model, { bin: 4095 - bin, segment }] : [model];
    await log.append([aDecision({ seq, vm, tableDigest, models })]);
  }
}

async function stepToEnd(learner: Learner): Promise<LearnState> {
  while ((await learner.step()) > 0);
  const [state] = learner.states;
  if (!state) throw new Error("no partition");
  return state;
}

const sent = fc.array(
  fc.record({
    afterMs: fc.constantFrom(0, 1, 400, 1_000, 7_000),
    seq: fc.nat(40),
    vm: fc.constantFrom(1n, 2n),
    bin: fc.nat(4095),
    segment: fc.nat(1),
    arm: fc.nat(4),
  }),
  { minLength: 1, maxLength: 80 },
);

describe("createLearner", () => {
  it("counts as a dull count of the log does", async () => {
    await fc.assert(
      fc.asyncProperty(sent, async (list) => {
        const clock = { now: 1_000_000 };
        const log = createMemoryLog({ now: () => clock.now });
        await fill(log, clock, list);
        const state = await stepToEnd(await createLearner({ log, namesOf, checkpointMs: 2_000 }));
        const byHand = await countByHand(log);
        expect(await readCounts(log, state)).toEqual(byHand.cells);
        expect(state.counters.decisions).toBe(byHand.distinct);
      }),
      { numRuns: 50 },
    );
  });

  it("restored anywhere, ends in the state of a learner that never stopped", async () => {
    await fc.assert(
      fc.asyncProperty(sent, fc.array(fc.nat(80), { maxLength: 5 }), async (list, stops) => {
        const clock = { now: 1_000_000 };
        const log = createMemoryLog({ now: () => clock.now });
        const options = { log, namesOf, checkpointMs: 2_000, keep: { scored: 30, cells: 0 } };
        for (const stop of stops.map((at) => at % list.length)) {
          await fill(log, clock, list.splice(0, stop));
          const abandoned = await createLearner(options);
          await abandoned.step();
        }
        await fill(log, clock, list);
        const stopped = await stepToEnd(await createLearner(options));
        const twin = createMemoryLog({ now: () => clock.now });
        const events = await readAll(log, "limen.decisions");
        clock.now = 0;
        for (const { time, key, value } of events) {
          clock.now = time;
          await twin.append([{ topic: "limen.decisions", key, value }]);
        }
        const whole = await stepToEnd(await createLearner({ ...options, log: twin }));
        for (const part of ["counters", "statuses", "seqs", "next", "open"] as const) {
          expect(stopped[part]).toEqual(whole[part]);
        }
        expect([...stopped.cohorts.keys()]).toEqual([...whole.cohorts.keys()]);
        expect(await readCounts(log, stopped)).toEqual(await readCounts(twin, whole));
      }),
      { numRuns: 50 },
    );
  });

  it("writes each rejected decision to limen.rejected once, also when it is restored", async () => {
    const clock = { now: 1_000_000 };
    const log = createMemoryLog({ now: () => clock.now });
    const unknown = { tableDigest: "00000000000000cc" };
    for (let seq = 0; seq < 20; seq++) {
      clock.now += 1_000;
      await log.append([aDecision({ seq, ...(seq === 3 && unknown) })]);
      await (await createLearner({ log, namesOf, checkpointMs: 2_000 })).step();
    }
    expect((await readAll(log, "limen.rejected")).length).toBe(1);
  });

  it("loses no checkpoint when the log refuses it for a while", async () => {
    const clock = { now: 1_000_000 };
    const log = createMemoryLog({ now: () => clock.now });
    const list = Array.from({ length: 30 }, (_, seq) => ({ ...STILL, seq, afterMs: 1_000 }));
    await fill(log, clock, list);
    let refusals = 3;
    const refusing: EventLog = {
      ...log,
      append: async (batch) => {
        if (refusals-- > 0) throw new LimenError("unavailable", "away");
        await log.append(batch);
      },
    };
    const learner = await createLearner({ log: refusing, namesOf, checkpointMs: 2_000 });
    for (let refused = 0; refused < 3; refused++)
      await expect(learner.step()).rejects.toThrow("away");
    const state = await stepToEnd(learner);
    expect(await readCounts(log, state)).toEqual((await countByHand(log)).cells);
  });

  it("still writes checkpoints when the log is full and takes no rejected events", async () => {
    const clock = { now: 1_000_000 };
    const log = createMemoryLog({ now: () => clock.now });
    const full: EventLog = {
      ...log,
      append: async (batch) => {
        const isFull = batch.some(({ topic }) => topic === "limen.rejected");
        if (isFull) throw new LimenError("unavailable", "full");
        await log.append(batch);
      },
    };
    for (let seq = 0; seq < 20; seq++) {
      clock.now += 1_000;
      await log.append([aDecision({ seq, format: seq === 3 ? 2 : 1 })]);
    }
    await stepToEnd(await createLearner({ log: full, namesOf, checkpointMs: 2_000 }));
    const again = await createLearner({ log, namesOf, checkpointMs: 2_000 });
    expect(again.states[0]?.next).toBe(18n);
    expect(again.states[0]?.counters.rejected).toBe(1);
  });

  it("begins again when the length of a cohort is another", async () => {
    const clock = { now: 1_000_000 };
    const log = createMemoryLog({ now: () => clock.now });
    await fill(
      log,
      clock,
      Array.from({ length: 20 }, (_, seq) => ({ ...STILL, seq, afterMs: 1_000 })),
    );
    await stepToEnd(await createLearner({ log, namesOf, checkpointMs: 2_000 }));
    const other = await createLearner({ log, namesOf, sliceMs: 500, checkpointMs: 2_000 });
    expect(other.states[0]?.next).toBe(0n);
    expect((await stepToEnd(other)).counters.decisions).toBe(20);
  });

  it("runs until it is told to stop, over errors", async () => {
    const log = createMemoryLog();
    const errors: string[] = [];
    let failures = 1;
    const failing: EventLog = {
      ...log,
      read: async (...wanted) => {
        if (failures-- > 0) throw new Error("a hiccup");
        return log.read(...wanted);
      },
    };
    const onError = (error: LimenError): void => void errors.push(error.message);
    const learner = await createLearner({ log: failing, namesOf, onError });
    const stop = new AbortController();
    const running = learner.run(stop.signal);
    await log.append([aDecision()]);
    for (let waited = 0; learner.states[0]?.next !== 1n && waited < 5_000; waited += 10)
      await sleep(10);
    stop.abort();
    await running;
    expect(learner.states[0]?.counters.decisions).toBe(1);
    expect(errors).toEqual([expect.stringMatching(/a hiccup/)]);
  });
});

const STILL = { afterMs: 0, seq: 0, vm: 1n, bin: 5, segment: 0, arm: 0 };
const CHILD = join(import.meta.dirname, "../../support/learn-child.ts");

describe("createLearner, killed", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "limen-learn-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Lets a child fold some steps, and kills it some time into the next one. */
  async function foldAndKill(file: string, steps: number): Promise<void> {
    const child = spawn(process.execPath, [CHILD, file]);
    const gone = new Promise((resolve) => child.once("close", resolve));
    let told = "";
    await new Promise<void>((resolve) => {
      child.once("close", () => resolve());
      child.stdout.on("data", (chunk) => {
        told += chunk;
        if (told.split("\n").length > steps) resolve();
      });
    });
    await sleep(Math.random() * 5);
    child.kill("SIGKILL");
    await gone;
  }

  it("has the integers of a dull count after 20 kill -9 at random moments", async () => {
    const file = join(folder, "limen.db");
    const clock = { now: 1_000_000 };
    const log = openSqliteLog(file, { now: () => clock.now });
    for (let at = 0; at < 12_000; at += 20) {
      clock.now += 200;
      const batch = Array.from({ length: 20 }, (_, more) => {
        // One in ten is lost, one in seven comes again later.
        const seq =
          (at + more) % 7 === 6 ? at + more - 6 : at + more + ((at + more) % 10 === 9 ? 1 : 0);
        const models = [{ bin: (seq * 131) % 4096, segment: seq % 2, arm: seq % 5 }];
        return aDecision({ seq, vm: BigInt(seq % 3), models });
      });
      await log.append(batch);
    }
    await log.close();
    for (let kill = 0; kill < 20; kill++)
      await foldAndKill(file, 1 + Math.floor(Math.random() * 3));
    const again = openSqliteLog(file, { now: () => clock.now });
    const learner = await createLearner({ log: again, namesOf, checkpointMs: 2_000 });
    const begun = learner.states[0]?.next;
    const state = await stepToEnd(learner);
    const byHand = await countByHand(again);
    const counted = await readCounts(again, state);
    await again.close();
    expect(begun).toBeGreaterThan(0n);
    expect(counted).toEqual(byHand.cells);
    expect(state.counters.decisions).toBe(byHand.distinct);
    expect(state.counters.duplicates).toBe(12_000 - byHand.distinct);
  }, 120_000);
});
