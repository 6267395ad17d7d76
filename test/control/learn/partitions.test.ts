import { describe, expect, it } from "vitest";
import type { NewEvent } from "../../../control/events/log.ts";
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import { aDecision, namesOf } from "../../support/decisions.ts";
import { createSkewedLog, type SkewedLog } from "./skewed-log.ts";

type Stage = { log: SkewedLog; clock: { now: number } };

function start(): Stage {
  const clock = { now: 1_000_000 };
  return { clock, log: createSkewedLog(3, () => clock.now) };
}

/** Decisions in each partition, over some cohorts. */
async function fill({ log, clock }: Stage, from: number, cohorts: number): Promise<void> {
  for (let seq = from; seq < from + cohorts; seq++) {
    clock.now += 1_000;
    for (const partition of [0, 1, 2]) {
      await log.append([{ ...aDecision({ seq, vm: BigInt(partition) }), partition }]);
    }
  }
}

async function stepToEnd(learner: Learner): Promise<void> {
  while ((await learner.step()) > 0);
}
const placesOf = ({ states }: Learner): number[] =>
  states.map(({ settings }) => settings.partition);
const countsOf = ({ states }: Learner): number[] =>
  states.map(({ counters }) => counters.decisions);

describe("setPartitions", () => {
  it("keeps what is kept, restores what is gained, and drops what is lost", async () => {
    const stage = start();
    const options = { log: stage.log, namesOf, checkpointMs: 1_000 };
    const learner = await createLearner({ ...options, partitions: [0, 1] });
    await fill(stage, 0, 6);
    await stepToEnd(learner);
    const kept = learner.states[1];
    const { states } = learner;
    await learner.setPartitions([1, 2]);
    expect([placesOf(learner), learner.states[0]]).toEqual([[1, 2], kept]);
    expect(learner.states).toBe(states);
    await stepToEnd(learner);
    expect(countsOf(learner)).toEqual([6, 6]);
    await learner.setPartitions([0, 1, 2]);
    // From its last checkpoint on.
    expect(learner.states[0]?.next).toBe(5n);
    await fill(stage, 6, 2);
    await stepToEnd(learner);
    expect(countsOf(learner)).toEqual([8, 8, 8]);
  });

  it("appends nothing more for a lost partition, also when it is lost during an append", async () => {
    const stage = start();
    const { log } = stage;
    const written: NewEvent[] = [];
    const begun: NewEvent[] = [];
    const held: { release?: () => void } = {};
    const slow: SkewedLog = {
      ...log,
      append: async (batch) => {
        begun.push(...batch);
        if (!held.release) await new Promise<void>((resolve) => (held.release = resolve));
        written.push(...batch);
        await log.append(batch);
      },
    };
    const learner = await createLearner({ log: slow, namesOf, checkpointMs: 1_000 });
    await fill(stage, 0, 9);
    const stepping = learner.step();
    while (!held.release) await new Promise((resolve) => setImmediate(resolve));
    await learner.setPartitions([1]);
    const after = begun.length;
    held.release();
    await stepping;
    await stepToEnd(learner);
    const of = (partition: number) => written.filter((event) => event.partition === partition);
    // The append that was under way, with one checkpoint, and no other.
    const keys = of(0).map(
      ({ key }) =>
        Buffer.from(key ?? [])
          .toString()
          .split("/")[0],
    );
    expect(keys.filter((key) => key === "checkpoint").length).toBe(1);
    expect(of(1).length).toBeGreaterThan(10);
    expect(begun.slice(after).filter((event) => event.partition !== 1)).toEqual([]);
  });

  it("is not current until a gained partition was read to its end", async () => {
    const stage = start();
    const options = { log: stage.log, namesOf, checkpointMs: 1_000 };
    const learner = await createLearner({ ...options, partitions: [] });
    expect([placesOf(learner), learner.isCurrent()]).toEqual([[], true]);
    await fill(stage, 0, 2);
    await learner.setPartitions([2]);
    expect(learner.isCurrent()).toBe(false);
    await stepToEnd(learner);
    expect(learner.isCurrent()).toBe(true);
  });

  it("follows what was asked for last when calls overlap", async () => {
    const stage = start();
    const learner = await createLearner({ log: stage.log, namesOf, partitions: [] });
    await Promise.all([learner.setPartitions([0, 1]), learner.setPartitions([1, 2])]);
    expect(placesOf(learner)).toEqual([1, 2]);
  });
});

describe("step", () => {
  it("folds the other partitions when one cannot be read, and tells the error", async () => {
    const stage = start();
    const { log } = stage;
    const broken: SkewedLog = {
      ...log,
      read: async (topic, partition, ...rest) => {
        if (partition === 0 && topic === "limen.decisions") throw new Error("no leader");
        return log.read(topic, partition, ...rest);
      },
    };
    const learner = await createLearner({ log: broken, namesOf });
    await fill(stage, 0, 3);
    await expect(learner.step()).rejects.toThrow("no leader");
    expect(countsOf(learner)).toEqual([0, 3, 3]);
  });
});

describe("onCheckpoint", () => {
  it("tells the offset that the checkpoint in the log has come to", async () => {
    const stage = start();
    const told: [number, bigint][] = [];
    const onCheckpoint = (partition: number, next: bigint): void =>
      void told.push([partition, next]);
    const options = { log: stage.log, namesOf, checkpointMs: 2_000, onCheckpoint };
    const learner = await createLearner({ ...options, partitions: [1] });
    await fill(stage, 0, 6);
    await stepToEnd(learner);
    expect(told).toEqual([
      [1, 2n],
      [1, 4n],
    ]);
    expect((await createLearner({ ...options, partitions: [1] })).states[0]?.next).toBe(4n);
  });
});
