// The join on a log whose topics have clocks of their own, seen at any moments, by processes that
// die at any.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Topic } from "../../../../control/events/log.ts";
import { createLearner, type Learner } from "../../../../control/learn/follow.ts";
import { namesOf } from "../../../support/decisions.ts";
import { joinByHand, readLabelled } from "../../../support/join-by-hand.ts";
import { createSkewedLog, type SkewedLog } from "../skewed-log.ts";
import { eventOf, HAND, type Happening, happening, LABELS } from "./happenings.ts";

const PARTITIONS = 2;
const BOTH = ["limen.decisions", "limen.labels"] as const;

const moment = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant("happens" as const), one: happening }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom("hide" as const, "show" as const),
      topic: fc.constantFrom(...BOTH),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant("skew" as const),
      topic: fc.constantFrom(...BOTH),
      partition: fc.nat(PARTITIONS - 1),
      ms: fc.constantFrom(-4_000, -300, -1, 0, 1, 700, 5_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom("step" as const, "die" as const) }) },
);
type Moment = typeof moment extends fc.Arbitrary<infer One> ? One : never;
type Run = {
  clock: { now: number };
  log: SkewedLog;
  learner: Learner;
  next: number;
};

const open = (log: SkewedLog): Promise<Learner> =>
  createLearner({ log, namesOf, checkpointMs: 2_000, labels: LABELS });

async function play(run: Run, one: Moment): Promise<void> {
  const { log, clock } = run;
  if (one.what === "happens") {
    clock.now += one.one.afterMs;
    await log.append([eventOf(one.one, run.next)]);
    if (one.one.kind === "decision") run.next++;
  } else if (one.what === "hide") log.hide(one.topic);
  else if (one.what === "show") log.show(one.topic);
  else if (one.what === "skew") log.skew(one.topic, one.partition, one.ms);
  else {
    if (one.what === "die") run.learner = await open(log);
    await run.learner.step();
    await run.learner.tick(clock.now);
  }
}

async function start(): Promise<Run> {
  const clock = { now: 1_000_000 };
  const log = createSkewedLog(PARTITIONS, () => clock.now);
  return { clock, log, learner: await open(log), next: 0 };
}

async function stepToEnd(learner: Learner): Promise<void> {
  while ((await learner.step()) > 0);
}

/** Nothing more happens: the learner alone moves time on until all windows are over. */
async function idle({ log, learner, clock }: Run): Promise<void> {
  for (const topic of BOTH) log.show(topic);
  for (let round = 0; round < 30; round++) {
    clock.now += 1_000;
    await stepToEnd(learner);
    await learner.tick(clock.now);
  }
  await stepToEnd(learner);
}

describe("the join without one clock", () => {
  it("has the integers of a join by hand, whatever is seen when and whoever dies", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 150 }), async (moments) => {
        const run = await start();
        for (const one of moments) await play(run, one);
        await idle(run);
        const byHand = await joinByHand(run.log, HAND, Number.POSITIVE_INFINITY);
        expect(await readLabelled(run.log)).toEqual(byHand);
      }),
      { numRuns: 500 },
    );
  }, 240_000);

  it("ends in the fates of a learner that never stopped and saw all at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 20, maxLength: 150 }), async (moments) => {
        const run = await start();
        for (const one of moments) await play(run, one);
        await idle(run);
        const whole = createSkewedLog(PARTITIONS, () => run.clock.now);
        const fresh = { ...whole, read: readOnly(run.log), end: async () => 0n };
        const other = await open(fresh);
        await stepToEnd(other);
        for (const [at, state] of run.learner.states.entries()) {
          const [own, its] = [state.joining?.join, other.states[at]?.joining?.join];
          expect([own?.fates, own?.accepted, own?.open]).toEqual([
            its?.fates,
            its?.accepted,
            its?.open,
          ]);
          expect([state.counters, state.next]).toEqual([
            other.states[at]?.counters,
            other.states[at]?.next,
          ]);
        }
      }),
      { numRuns: 300 },
    );
  }, 240_000);
});

/** What lies in a log, but nothing of its checkpoints. */
function readOnly(log: SkewedLog): SkewedLog["read"] {
  return async (topic: Topic, ...rest) =>
    topic === "limen.counts" ? [] : log.read(topic, ...rest);
}

describe("createLearner, ticks without one clock", () => {
  const ticksIn = async (log: SkewedLog, topic: Topic): Promise<number> =>
    (await log.read(topic, 0, 0n, 1_000)).length;

  it("moves on the topic that is behind, at most every 250 ms, all partitions in one append", async () => {
    const run = await start();
    const { log, learner, clock } = run;
    for (let seq = 0; seq < 12; seq++) await play(run, { what: "happens", one: aDecided(seq) });
    let appends = 0;
    log.failing = () => ++appends === 0;
    await stepToEnd(learner);
    expect(await learner.tick(clock.now)).toBe(PARTITIONS);
    expect(appends).toBe(1);
    expect(await ticksIn(log, "limen.labels")).toBe(1);
    // Hidden, as if it took a while: no second one comes before its time.
    expect(await learner.tick(clock.now + 249)).toBe(0);
    await stepToEnd(learner);
    expect(learner.isCurrent()).toBe(true);
    expect(learner.states.map(({ counters }) => counters.decisions)).toEqual([
      Number(await log.end("limen.decisions", 0)),
      Number(await log.end("limen.decisions", 1)),
    ]);
  });

  it("is not current while decisions of before its start wait", async () => {
    const run = await start();
    await play(run, { what: "happens", one: aDecided(0) });
    await play(run, { what: "happens", one: aDecided(1) });
    await stepToEnd(run.learner);
    expect(run.learner.isCurrent()).toBe(false);
  });

  it("leaves a label of the newest decision's millisecond until a later decision was read", async () => {
    const run = await start();
    const { log, learner } = run;
    await play(run, { what: "happens", one: aDecided(0) });
    await play(run, {
      what: "happens",
      one: { ...aDecided(0), kind: "label", id: 12, afterMs: 0 },
    });
    await stepToEnd(learner);
    const of = (at: number) => learner.states[at]?.joining?.labelsNext;
    const at = (await log.end("limen.labels", 0)) === 1n ? 0 : 1;
    expect([learner.states[at]?.next, of(at)]).toEqual([1n, 0n]);
    // Of the same id.
    run.next = 3;
    await play(run, { what: "happens", one: aDecided(3) });
    await stepToEnd(learner);
    expect(of(at)).toBe(1n);
  });

  it("asks for no label to fold decisions when no labels are joined", async () => {
    const { log, clock } = await start();
    await log.append([eventOf(aDecided(0), 0)]);
    const learner = await createLearner({ log, namesOf });
    await stepToEnd(learner);
    expect(learner.states.reduce((sum, { next }) => sum + next, 0n)).toBe(1n);
    // The cohort that is open is closed by the next decision, or by a tick.
    const ticks = (await learner.tick(clock.now)) + (await learner.tick(clock.now + 5_000));
    expect(ticks).toBe(1);
    expect(await ticksIn(log, "limen.labels")).toBe(0);
  });
});

const aDecided = (seq: number): Happening => ({
  afterMs: 20,
  kind: "decision",
  id: seq,
  seq,
  bin: 5,
  segment: 0,
  arm: 0,
  code: 200,
  label: 1,
  source: "desk",
  model: "",
});
