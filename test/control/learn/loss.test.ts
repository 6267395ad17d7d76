// The loss of partitions that are folded apart, against a dull count of what was appended.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Learner } from "../../../control/learn/follow.ts";
import type { CountsFollower } from "../../../control/learn/follow-counts.ts";
import { LOSSES_MAX, measureStates } from "../../../control/learn/loss.ts";
import type { LearnState } from "../../../control/learn/state.ts";
import {
  arrive,
  countAbsent,
  readOn,
  rest,
  type Stage,
  start,
  statesOf,
  stepAll,
} from "./loss-stage.ts";

const which = fc.nat(3);
const moment = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      what: fc.constant("record" as const),
      afterMs: fc.constantFrom(0, 1, 50, 300, 999, 1_000, 2_500, 5_000, 11_000),
      vm: fc.nat(2),
      partition: which,
      fate: fc.constantFrom("comes", "comes", "comes", "comes", "late", "lost"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ what: fc.constant("step" as const), who: which }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("follow" as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("restart" as const), who: which }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("renew" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("torn" as const), who: which, after: fc.nat(5) }),
  },
);
type Moment = typeof moment extends fc.Arbitrary<infer One> ? One : never;
type Play = Stage & {
  first: number;
  follower: CountsFollower;
  next: number[];
  held: { vm: number; at: number; partition: number }[];
};

async function playRecord(play: Play, one: Extract<Moment, { what: "record" }>): Promise<void> {
  play.clock.now += one.afterMs;
  const at = play.next[one.vm] ?? 0;
  play.next[one.vm] = at + 1;
  const record = { vm: one.vm, at, partition: one.partition };
  if (one.fate === "late") play.held.push(record);
  if (one.fate === "comes") await arrive(play, { vm: one.vm, at }, one.partition, play.first);
  if (play.held.length < 3) return;
  const late = play.held.shift();
  if (late) await arrive(play, { vm: late.vm, at: late.at }, late.partition, play.first);
}

async function playOne(play: Play, one: Moment): Promise<void> {
  if (one.what === "record") return playRecord(play, one);
  if (one.what === "follow") return void (await play.follower.step());
  if (one.what === "renew") {
    play.follower = play.follow();
    return;
  }
  const at = one.who % play.partitions;
  if (one.what === "restart") play.learners[at] = await play.open(at);
  if (one.what === "torn") play.log.tearAfter = one.after;
  await play.learners[at]?.step().catch(() => undefined);
  play.log.tearAfter = Number.POSITIVE_INFINITY;
  await play.learners[at]?.tick(play.clock.now);
}

type Told = "exact" | "bound" | "not read";

/** What is told of these states holds; whether it is told as exact of a moment. */
function check({ came }: Stage, states: readonly LearnState[]): Told {
  const { missing, isExact, at } = measureStates(states);
  // One whose records nobody has read yet counts as empty.
  const isRead = came.every((one) => (states[one.partition]?.next ?? 0n) > 0n);
  if (!isRead || at === null) return "not read";
  if (isExact) expect(missing).toBe(countAbsent(came, at));
  else expect(missing).toBeGreaterThanOrEqual(countAbsent(came, at, came));
  return isExact ? "exact" : "bound";
}

/** A record in each partition, and time for checkpoints. */
async function begin(play: Play): Promise<void> {
  for (let partition = 0; partition < play.partitions; partition++) {
    await playRecord(play, { what: "record", afterMs: 50, vm: 0, partition, fate: "comes" });
  }
  await rest(play, 7);
  await readOn(play.follower);
}

/** By those who fold, and by those who follow. */
function checkBoth(play: Play): Told {
  check(play, statesOf(play));
  return check(play, play.follower.states);
}

const settings = fc.record({
  partitions: fc.integer({ min: 1, max: 4 }),
  hasLabels: fc.boolean(),
  checkpointsMs: fc.constantFrom([1_000], [1_000, 3_000, 5_000], [5_000]),
  sliceMs: fc.constantFrom(1_000, 1_000, 500, 3_000),
});
const first = fc.constantFrom(0, 17, 2 ** 32 - 20);
const moments = fc.array(moment, { minLength: 20, maxLength: 120 });

describe("measureStates", () => {
  it("is the count of absent numbers before a cut, or above it and says so", async () => {
    const told = { exact: 0, bound: 0, "not read": 0, missing: 0 };
    await fc.assert(
      fc.asyncProperty(settings, first, moments, async (own, first, list) => {
        const stage = await start(own.partitions, own);
        const play: Play = { ...stage, first, follower: stage.follow(), next: [], held: [] };
        await begin(play);
        for (const one of list) {
          await playOne(play, one);
          told[checkBoth(play)]++;
        }
        await rest(play, 40);
        await readOn(play.follower);
        checkBoth(play);
        const { missing } = measureStates(play.follower.states);
        if (own.partitions === 1) expect(missing).toBe(countAbsent(play.came, play.clock.now));
        told.missing += missing;
      }),
      { numRuns: 300 },
    );
    process.stdout.write(`loss: ${JSON.stringify(told)}\n`);
    expect(Math.min(told.exact, told.bound, told.missing)).toBeGreaterThan(100);
  }, 240_000);

  it("tells of all that came once it has been quiet for a while, labels or none", async () => {
    for (const hasLabels of [false, true]) {
      const stage = await start(4, { hasLabels });
      for (let at = 0; at < 400; at++) {
        stage.clock.now += 25;
        if (at % 9 !== 5) await arrive(stage, { vm: at % 3, at }, (at * 7) >>> 1);
        await stepAll(stage);
      }
      const follower = stage.follow();
      await rest(stage, 25);
      await readOn(follower);
      const missing = countAbsent(stage.came, stage.clock.now);
      expect(missing).toBeGreaterThan(200);
      expect(measureStates(follower.states)).toMatchObject({ missing, isExact: true });
      expect(measureStates(statesOf(stage))).toMatchObject({ missing, isExact: true });
    }
  });

  it("is none of nothing, and a bound where nothing was heard of a partition", async () => {
    const stage = await start(3);
    expect(measureStates(stage.follow().states)).toEqual({ missing: 0, isExact: true, at: null });
    const follower = stage.follow();
    for (const at of [3, 5, 4, 8]) {
      await arrive(stage, { vm: 0, at }, at % 2);
      await rest(stage, 1);
    }
    await rest(stage, 20);
    await readOn(follower);
    expect(follower.states[2]?.next).toBe(0n);
    expect(measureStates(follower.states)).toMatchObject({ missing: 2, isExact: false });
  });

  it("is exact where nothing is missing, whatever was heard", async () => {
    const stage = await start(3);
    const follower = stage.follow();
    for (const at of [3, 4, 5]) {
      await arrive(stage, { vm: 0, at }, at % 2);
      await rest(stage, 1);
    }
    await rest(stage, 20);
    await readOn(follower);
    expect(measureStates(follower.states)).toMatchObject({ missing: 0, isExact: true });
  });
});

describe("measureStates, with a partition that lags", () => {
  /** One takes so many cuts after the last one of the other; every record of both came. */
  async function lag(cuts: number) {
    const stage = await start(2);
    const [ahead, behind] = stage.learners;
    const follower = stage.follow();
    let at = 0;
    const second = async (learners: readonly (Learner | undefined)[]) => {
      stage.clock.now += 1_000;
      for (const partition of [0, 1]) await arrive(stage, { vm: 0, at: at++ }, partition);
      for (const learner of learners) while (((await learner?.step()) ?? 0) > 0);
      await readOn(follower);
    };
    for (let time = 0; time < 17; time++) await second([ahead, behind]);
    for (let time = 0; time < 5 * cuts; time++) await second([ahead]);
    return measureStates(follower.states);
  }

  it("is exact while the others keep the cut of its last one", async () => {
    expect(await lag(LOSSES_MAX - 1)).toMatchObject({ missing: 0, isExact: true });
  });

  it("is a bound one cut later", async () => {
    const { missing, isExact } = await lag(LOSSES_MAX);
    expect(isExact).toBe(false);
    expect(missing).toBeGreaterThan(0);
    // What the one has read of the nearest cut, and the other not yet.
    expect(missing).toBeLessThanOrEqual(5);
  });
});
