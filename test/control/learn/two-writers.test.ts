// A process that was taken for dead and its successor fold one partition; appends are torn anywhere.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import { measureLoss } from "../../../control/learn/seqs.ts";
import type { LearnState } from "../../../control/learn/state.ts";
import { countByHand, readCounts } from "../../support/count-by-hand.ts";
import { namesOf } from "../../support/decisions.ts";
import { joinByHand, readLabelled } from "../../support/join-by-hand.ts";
import { eventOf, HAND, happening, LABELS } from "./join/happenings.ts";
import { createSkewedLog, type SkewedLog } from "./skewed-log.ts";

const who = fc.nat(1);
const moment = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant("happens" as const), one: happening }) },
  { weight: 5, arbitrary: fc.record({ what: fc.constant("step" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("torn step" as const), who, after: fc.nat(12) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("restart" as const), who }) },
);
type Moment = typeof moment extends fc.Arbitrary<infer One> ? One : never;
type Options = Pick<Parameters<typeof createLearner>[0], "labels" | "keep">;

async function stepToEnd(learner: Learner): Promise<LearnState> {
  while ((await learner.step()) > 0);
  const [state] = learner.states;
  if (!state) throw new Error("no partition");
  return state;
}

/** Plays the moments with two learners; the log, and its clock. */
async function play(moments: readonly Moment[], own: Options) {
  const clock = { now: 1_000_000 };
  const log = createSkewedLog(1, () => clock.now);
  const open = () => createLearner({ log, namesOf, checkpointMs: 1_000, ...own });
  const learners = [await open(), await open()];
  let next = 0;
  for (const one of moments) {
    if (one.what === "happens") {
      clock.now += one.one.afterMs;
      await log.append([eventOf(one.one, next)]);
      if (one.one.kind === "decision") next++;
      continue;
    }
    if (one.what === "restart") learners[one.who] = await open();
    if (one.what === "torn step") log.tearAfter = one.after;
    await learners[one.who]?.step().catch(() => undefined);
    await learners[one.who]?.tick(clock.now);
    log.tearAfter = Number.POSITIVE_INFINITY;
  }
  return { clock, log, open };
}

/** One that restores what lies in the log, and moves time on until all is closed. */
async function finish({ clock, log, open }: Awaited<ReturnType<typeof play>>) {
  const learner = await open();
  for (let round = 0; round < 12; round++) {
    clock.now += 1_000;
    await stepToEnd(learner);
    await learner.tick(clock.now);
  }
  return { state: await stepToEnd(learner), log };
}

/** The state of a learner that finds no checkpoint. */
async function foldAnew(log: SkewedLog, own: Options): Promise<LearnState> {
  const bare: SkewedLog = {
    ...log,
    append: async () => undefined,
    read: async (topic, ...rest) => (topic === "limen.counts" ? [] : log.read(topic, ...rest)),
  };
  return stepToEnd(await createLearner({ log: bare, namesOf, checkpointMs: 1_000, ...own }));
}

const moments = fc.array(moment, { minLength: 10, maxLength: 150 });

describe("two learners of one partition", () => {
  it("leave a log from which the state of one that never stopped is restored", async () => {
    await fc.assert(
      fc.asyncProperty(moments, async (list) => {
        const own = { keep: { scored: 20, cells: 1_000 } };
        const { state, log } = await finish(await play(list, own));
        const whole = await foldAnew(log, own);
        for (const part of ["counters", "statuses", "seqs", "next", "open"] as const) {
          expect(state[part]).toEqual(whole[part]);
        }
        expect([...state.seqs.vms.keys()]).toEqual([...whole.seqs.vms.keys()]);
        expect([...state.cohorts.keys()]).toEqual([...whole.cohorts.keys()]);
        expect(measureLoss(state.seqs)).toEqual(measureLoss(whole.seqs));
        expect(await readCounts(log, state)).toEqual((await countByHand(log)).cells);
      }),
      { numRuns: 300 },
    );
  }, 240_000);

  it("leave the integers of a join by hand, and its fates", async () => {
    await fc.assert(
      fc.asyncProperty(moments, async (list) => {
        const own = { labels: LABELS };
        const { state, log } = await finish(await play(list, own));
        const whole = await foldAnew(log, own);
        expect(await readLabelled(log)).toEqual(
          await joinByHand(log, HAND, Number.POSITIVE_INFINITY),
        );
        expect(state.joining?.join.fates).toEqual(whole.joining?.join.fates);
        expect(state.joining?.join.accepted).toBe(whole.joining?.join.accepted);
        expect(state.counters).toEqual(whole.counters);
      }),
      { numRuns: 300 },
    );
  }, 240_000);
});
