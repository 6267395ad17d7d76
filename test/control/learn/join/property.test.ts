import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventLog } from "../../../../control/events/log.ts";
import { createLearner, type Learner } from "../../../../control/learn/follow.ts";
import { namesOf } from "../../../support/decisions.ts";
import { joinByHand, readLabelled } from "../../../support/join-by-hand.ts";
import { anIdDecision } from "../../../support/labels.ts";
import { readAll } from "../../../support/log-conformance.ts";
import { createMemoryLog } from "../../../support/memory-log.ts";
import { eventOf, HAND, type Happening, happening, LABELS } from "./happenings.ts";

type Clock = { now: number };

async function append(log: EventLog, clock: Clock, list: readonly Happening[], from: number) {
  let next = from;
  for (const one of list) {
    clock.now += one.afterMs;
    await log.append([eventOf(one, one.kind === "decision" ? next++ : 0)]);
  }
  return next;
}

async function stepToEnd(learner: Learner): Promise<void> {
  while ((await learner.step()) > 0);
}

/** Moves time on by decisions of an id of their own until all others are closed and written. */
async function flush(log: EventLog, clock: Clock): Promise<void> {
  for (let more = 0; more < 3; more++) {
    clock.now += 20_000;
    await log.append([anIdDecision({ id: 99, seq: 1_000 + more, vm: 9n })]);
  }
}

const options = { namesOf, checkpointMs: 2_000, labels: LABELS };

describe("the join", () => {
  it("has the integers of a join by hand, read at any moments and restored at any", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 1, maxLength: 120 }),
        fc.array(fc.record({ at: fc.nat(120), dies: fc.boolean() }), { maxLength: 8 }),
        async (list, stops) => {
          const clock = { now: 1_000_000 };
          const log = createMemoryLog({ now: () => clock.now });
          let learner = await createLearner({ ...options, log });
          let next = 0;
          let from = 0;
          for (const { at, dies } of [...stops].sort((a, b) => a.at - b.at)) {
            next = await append(log, clock, list.slice(from, at), next);
            from = Math.max(from, Math.min(at, list.length));
            if (dies) learner = await createLearner({ ...options, log });
            await learner.step();
          }
          await append(log, clock, list.slice(from), next);
          await flush(log, clock);
          await stepToEnd(learner);
          // The flush itself is not closed to the last one: neither by hand.
          const byHand = await joinByHand(log, HAND, clock.now - 20_000);
          expect(await readLabelled(log)).toEqual(byHand);
        },
      ),
      { numRuns: 1000 },
    );
  }, 120_000);

  it("ends in the fates of a learner that never stopped", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 20, maxLength: 150 }),
        fc.array(fc.nat(150), { minLength: 1, maxLength: 6 }),
        async (list, stops) => {
          const clock = { now: 1_000_000 };
          const log = createMemoryLog({ now: () => clock.now });
          let next = 0;
          let from = 0;
          for (const at of [...stops].sort((a, b) => a - b)) {
            next = await append(log, clock, list.slice(from, at), next);
            from = Math.max(from, Math.min(at, list.length));
            await stepToEnd(await createLearner({ ...options, log }));
          }
          await append(log, clock, list.slice(from), next);
          await flush(log, clock);
          const stopped = await createLearner({ ...options, log });
          await stepToEnd(stopped);
          const whole = await createLearner({
            ...options,
            log: { ...createMemoryLog(), read: log.read, end: async () => 0n },
          });
          await stepToEnd(whole);
          const [a, b] = [stopped.states[0]?.joining, whole.states[0]?.joining];
          expect(a?.join.fates).toEqual(b?.join.fates);
          expect(a?.join.accepted).toBe(b?.join.accepted);
          expect(a?.join.open).toBe(b?.join.open);
          expect((await readAll(log, "limen.decisions")).length).toBe(
            Number(stopped.states[0]?.next),
          );
        },
      ),
      { numRuns: 1000 },
    );
  }, 120_000);
});
