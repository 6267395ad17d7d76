// What limen.counts holds of the loss: across a restart, and of a version before.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { VmsSchema } from "../../../control/events/counts_pb.ts";
import type { StoredEvent } from "../../../control/events/log.ts";
import { createLearner } from "../../../control/learn/follow.ts";
import { type CountsFollower, createCountsFollower } from "../../../control/learn/follow-counts.ts";
import { measureStates } from "../../../control/learn/loss.ts";
import { unpackLoss } from "../../../control/learn/vms.ts";
import { namesOf } from "../../support/decisions.ts";
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
import type { SkewedLog } from "./skewed-log.ts";

/** A record of the loss as it was before it said as of when it is. */
function withoutRange(event: StoredEvent): StoredEvent {
  if (
    !event.value ||
    !Buffer.from(event.key ?? [])
      .toString()
      .startsWith("loss/")
  )
    return event;
  const { generation, vms } = fromBinary(VmsSchema, event.value);
  return { ...event, value: toBinary(VmsSchema, create(VmsSchema, { generation, vms })) };
}

/** The log as these partitions would have it from processes of that version. */
const makeOld = (log: SkewedLog, partitions: readonly number[]): SkewedLog => ({
  ...log,
  read: async (topic, partition, ...rest) => {
    const events = await log.read(topic, partition, ...rest);
    const isOld = topic === "limen.counts" && partitions.includes(partition);
    return isOld ? events.map(withoutRange) : events;
  },
});

describe("the loss in limen.counts", () => {
  async function fill(stage: Stage): Promise<void> {
    for (let at = 0; at < 120; at++) {
      stage.clock.now += 100;
      if (at % 10 !== 3) await arrive(stage, { vm: 0, at }, at);
      await stepAll(stage);
    }
    await rest(stage, 20);
  }

  it("is there for one that begins to follow after a restart, before another cut", async () => {
    const stage = await start(2);
    await fill(stage);
    const before = stage.follow();
    await readOn(before);
    for (const partition of [0, 1]) stage.learners[partition] = await stage.open(partition);
    const missing = countAbsent(stage.came, stage.clock.now);
    // Past the next cohort, so that there are checkpoints, and not past the next cut.
    for (const partition of [0, 1]) {
      stage.clock.now += 1_000;
      await arrive(stage, { vm: 0, at: 120 + partition }, partition);
      await stage.learners[partition]?.step();
    }
    const after = stage.follow();
    await readOn(after);
    const writers = (follower: CountsFollower) =>
      follower.states.map(({ saved }) => saved.loss.taken.length);
    expect([writers(before), writers(after)]).toEqual([expect.anything(), [1, 1]]);
    expect(missing).toBe(12);
    expect(measureStates(after.states)).toMatchObject({ missing, isExact: true });
  });

  it("is a bound, as before, where records do not say as of when they are", async () => {
    const stage = await start(2);
    await fill(stage);
    const missing = countAbsent(stage.came, stage.clock.now);
    const partly = createCountsFollower({ log: makeOld(stage.log, [1]) });
    const wholly = createCountsFollower({ log: makeOld(stage.log, [0, 1]) });
    for (const follower of [partly, wholly]) {
      await readOn(follower);
      expect(measureStates(follower.states)).toMatchObject({ missing, isExact: false });
    }
  });

  it("is exact again once a process of this version goes on from such records", async () => {
    const stage = await start(2);
    await fill(stage);
    const log = makeOld(stage.log, [0, 1]);
    for (const partition of [0, 1]) {
      stage.learners[partition] = await createLearner({
        log: { ...stage.log, read: (...place) => log.read(...place) },
        namesOf,
        checkpointMs: 1_000,
        partitions: [partition],
      });
    }
    expect(statesOf(stage).map(({ saved }) => saved.loss.taken)).toEqual([[], []]);
    for (const at of [124, 125, 126, 127]) await arrive(stage, { vm: 0, at }, at);
    await rest(stage, 20);
    const follower = stage.follow();
    await readOn(follower);
    const missing = countAbsent(stage.came, stage.clock.now);
    expect(missing).toBe(16);
    expect(measureStates(follower.states)).toMatchObject({ missing, isExact: true });
  });

  it("is left aside where its records are of two", () => {
    const parts = [1, 2].map((to) => create(VmsSchema, { lossTo: BigInt(to), lossParts: 2 }));
    expect([unpackLoss(parts), unpackLoss(parts.slice(0, 1)), unpackLoss([])]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
