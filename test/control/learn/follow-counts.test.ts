import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listHistograms } from "../../../control/learn/alert.ts";
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import { type CountsFollower, createCountsFollower } from "../../../control/learn/follow-counts.ts";
import { listClosedCohorts } from "../../../control/learn/join/closed.ts";
import { KEEP } from "../../../control/learn/kept.ts";
import { measureLoss } from "../../../control/learn/seqs.ts";
import type { LearnState } from "../../../control/learn/state.ts";
import { aDecision, namesOf } from "../../support/decisions.ts";
import { eventOf, type Happening, happening, LABELS } from "./join/happenings.ts";
import { createSkewedLog } from "./skewed-log.ts";

const PARTITIONS = 2;
const moment = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant("happens" as const), one: happening }) },
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constantFrom("step" as const, "follow" as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("torn step" as const), after: fc.nat(12) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom("die" as const, "renew" as const) }) },
);
type Moment = typeof moment extends fc.Arbitrary<infer One> ? One : never;

function start(partitions = PARTITIONS, keep = KEEP) {
  const clock = { now: 1_000_000 };
  const log = createSkewedLog(partitions, () => clock.now);
  const told: number[] = [];
  const open = () => createLearner({ log, namesOf, checkpointMs: 1_000, labels: LABELS, keep });
  const follow = () =>
    createCountsFollower({
      // Pages that are not full, and not at the end.
      log: { ...log, read: (topic, place, from, max) => log.read(topic, place, from, max % 9) },
      labels: LABELS,
      keep,
      onScored: (_, bin) => void told.push(bin),
    });
  return { clock, log, told, open, follow, next: 0 };
}

type Stage = ReturnType<typeof start>;

async function happens(stage: Stage, one: Happening): Promise<void> {
  stage.clock.now += one.afterMs;
  await stage.log.append([eventOf(one, stage.next)]);
  if (one.kind === "decision") stage.next++;
}

type Parties = { learner: Learner; follower: CountsFollower };

async function playOne(stage: Stage, parties: Parties, one: Moment): Promise<void> {
  if (one.what === "happens") await happens(stage, one.one);
  else if (one.what === "follow") await parties.follower.step();
  else if (one.what === "renew") parties.follower = stage.follow();
  else if (one.what === "die") parties.learner = await stage.open();
  else {
    if (one.what === "torn step") stage.log.tearAfter = one.after;
    await parties.learner.step().catch(() => undefined);
    stage.log.tearAfter = Number.POSITIVE_INFINITY;
    await parties.learner.tick(stage.clock.now);
  }
}

async function play(stage: Stage, moments: readonly Moment[]): Promise<Parties> {
  const parties = { learner: await stage.open(), follower: stage.follow() };
  for (const one of moments) await playOne(stage, parties, one);
  const { learner, follower } = parties;
  for (let round = 0; round < 14; round++) {
    stage.clock.now += 1_000;
    while ((await learner.step()) > 0);
    await learner.tick(stage.clock.now);
    await follower.step();
  }
  while ((await follower.step()) > 0);
  return parties;
}

/** Closed cohorts, their counts in one order. */
const listSorted = (states: readonly LearnState[], model: string) =>
  listClosedCohorts(states, model).map(({ counts, ...rest }) => ({
    ...rest,
    counts: counts.map((one) => JSON.stringify(one)).sort(),
  }));

describe("createCountsFollower", () => {
  it("has the counts, cohorts, fates and loss of the learner that it follows", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 10, maxLength: 120 }), async (moments) => {
        const { learner, follower } = await play(start(), moments);
        for (const model of ["b0", "a0"]) {
          expect(listHistograms(follower.states, model)).toEqual(
            listHistograms(learner.states, model),
          );
          expect(listSorted(follower.states, model)).toEqual(listSorted(learner.states, model));
        }
        for (const [at, state] of follower.states.entries()) {
          const own = learner.states[at];
          expect([state.counters, state.statuses]).toEqual([own?.counters, own?.statuses]);
          expect(state.joining?.join.fates).toEqual(own?.joining?.join.fates);
          if (own) expect(measureLoss(state.seqs)).toEqual(measureLoss(own.seqs));
        }
      }),
      { numRuns: 300 },
    );
  }, 240_000);

  it("tells each scored decision of a cohort that closes once, cohorts in their order", async () => {
    const stage = start(1);
    const { clock, log, told } = stage;
    const learner = await stage.open();
    const follower = stage.follow();
    await follower.step();
    const sent: number[] = [];
    for (let cohort = 0; cohort < 8; cohort++) {
      clock.now += 1_000;
      for (let at = 0; at < 40; at++) {
        const bin = 100 * cohort + (at % 3);
        await log.append([aDecision({ seq: sent.push(bin), models: [{ bin }] })]);
      }
      while ((await learner.step()) > 0);
      await learner.tick(clock.now);
      while ((await learner.step()) > 0);
      await follower.step();
      // The same once more: a process that restored an older state writes it again.
      await (await stage.open()).step();
      await follower.step();
    }
    expect(told.length).toBeGreaterThan(200);
    const cohorts = told.map((bin) => Math.floor(bin / 100));
    expect(cohorts).toEqual([...cohorts].sort((a, b) => a - b));
    const sorted = (bins: readonly number[]) => [...bins].sort((a, b) => a - b);
    expect(sorted(told)).toEqual(sorted(sent.slice(0, told.length)));
    // Not sorted within a cohort: what watches shares would take that for a burst.
    expect(told.slice(0, 40)).not.toEqual([...told.slice(0, 40)].sort((a, b) => a - b));
  });

  it("tells nothing of what was there before it began", async () => {
    const stage = start(1);
    const learner = await stage.open();
    for (let seq = 0; seq < 5; seq++) {
      stage.clock.now += 1_000;
      await stage.log.append([aDecision({ seq })]);
      while ((await learner.step()) > 0);
      await learner.tick(stage.clock.now);
    }
    while ((await learner.step()) > 0);
    const follower = stage.follow();
    expect(follower.isCurrent()).toBe(false);
    while ((await follower.step()) > 0);
    expect([follower.isCurrent(), stage.told.length]).toEqual([true, 0]);
    expect(follower.states[0]?.counters.decisions).toBeGreaterThan(2);
  });

  it.each([1, 2, 5])("keeps no more than was asked for over %i partitions", async (partitions) => {
    const keep = { scored: 20, cells: 10 };
    const stage = start(partitions, keep);
    const learner = await stage.open();
    const follower = stage.follow();
    for (let seq = 0; seq < 120; seq++) {
      stage.clock.now += 1_000;
      const key = new Uint8Array(new BigUint64Array([BigInt(seq)]).buffer);
      await stage.log.append([{ ...aDecision({ seq }), key, partition: seq % partitions }]);
      while ((await learner.step()) > 0);
      await learner.tick(stage.clock.now);
      await follower.step();
    }
    for (const { states } of [learner, follower]) {
      // One decision a cell. What is open, and what goes only when more comes, is one a partition.
      const free = states.flatMap(({ cohorts }) => [...cohorts.values()]);
      const scored = free.reduce((sum, one) => sum + one.scored, 0);
      expect(scored).toBeLessThanOrEqual(keep.scored + 2 * partitions);
      expect(scored).toBeGreaterThan(keep.scored / 2);
      const cells = states.reduce((sum, { joining }) => sum + (joining?.closedCells ?? 0), 0);
      expect(cells).toBeLessThanOrEqual(keep.cells);
      expect(cells).toBeGreaterThan(keep.cells / 2);
    }
  });
});

describe("listClosedCohorts, without one clock", () => {
  it("closes no cohort while a partition has not been heard of", async () => {
    const stage = start(2);
    const learner = await stage.open();
    const one: Happening = {
      afterMs: 20,
      kind: "decision",
      id: 1,
      seq: 1,
      bin: 5,
      segment: 0,
      arm: 0,
      code: 200,
      label: 1,
      source: "desk",
      model: "",
    };
    await happens(stage, one);
    for (let round = 0; round < 12; round++) {
      stage.clock.now += 1_000;
      while ((await learner.step()) > 0);
      await learner.tick(stage.clock.now);
    }
    while ((await learner.step()) > 0);
    expect(listClosedCohorts(learner.states, "a0").length).toBe(1);
    const unheard = await createLearner({
      log: createSkewedLog(1, () => 0),
      namesOf,
      labels: LABELS,
    });
    expect(listClosedCohorts([...learner.states, ...unheard.states], "a0")).toEqual([]);
  });
});
