// A log of several partitions, a learner for each, and a dull count of what is in it.
import { createLearner, type Learner } from "../../../control/learn/follow.ts";
import { type CountsFollower, createCountsFollower } from "../../../control/learn/follow-counts.ts";
import type { LearnState } from "../../../control/learn/state.ts";
import { aDecision, namesOf } from "../../support/decisions.ts";
import { LABELS } from "./join/happenings.ts";
import { createSkewedLog, type SkewedLog } from "./skewed-log.ts";

export type Came = { vm: number; at: number; time: number; partition: number };
export type Stage = {
  clock: { now: number };
  log: SkewedLog;
  partitions: number;
  /** What is in the log, by VM and number of the record from 0 on. */
  came: Came[];
  learners: Learner[];
  open: (partition: number) => Promise<Learner>;
  follow: () => CountsFollower;
};
export type Options = { hasLabels?: boolean; checkpointsMs?: readonly number[]; sliceMs?: number };

export async function start(partitions: number, options: Options = {}): Promise<Stage> {
  const { hasLabels = false, checkpointsMs = [1_000], sliceMs = 1_000 } = options;
  const clock = { now: 1_000_000 };
  const log = createSkewedLog(partitions, () => clock.now);
  const labels = hasLabels ? { labels: LABELS } : {};
  const open = (partition: number) => {
    const checkpointMs = checkpointsMs[partition % checkpointsMs.length] ?? 1_000;
    const own = { partitions: [partition], checkpointMs, sliceMs };
    return createLearner({ log, namesOf, ...own, ...labels });
  };
  const follow = () => createCountsFollower({ log, sliceMs, ...labels });
  const learners: Learner[] = [];
  for (let at = 0; at < partitions; at++) learners.push(await open(at));
  return { clock, log, partitions, came: [], learners, open, follow };
}

/** Appends the record of a VM with this number; seqs begin at `first` and go round. */
export async function arrive(
  stage: Stage,
  one: Pick<Came, "vm" | "at">,
  place: number,
  first = 0,
): Promise<void> {
  const partition = place % stage.partitions;
  const seq = (first + one.at) % 2 ** 32;
  const event = aDecision({ seq, vm: BigInt(one.vm + 1) });
  await stage.log.append([{ ...event, partition }]);
  stage.came.push({ ...one, partition, time: stage.clock.now });
}

/** Numbers that are absent between the lowest and the highest of each VM, of records before a time;
 * `others` count as there. */
export function countAbsent(
  came: readonly Came[],
  before: number,
  others: readonly Came[] = [],
): number {
  let absent = 0;
  for (const vm of new Set(came.map((one) => one.vm))) {
    const own = came.filter((one) => one.vm === vm && one.time < before).map(({ at }) => at);
    const known = new Set([...own, ...others.filter((one) => one.vm === vm).map(({ at }) => at)]);
    const [low, high] = [Math.min(...own), Math.max(...own)];
    for (let at = low; at <= high; at++) if (!known.has(at)) absent++;
  }
  return absent;
}

export async function stepAll({ learners, clock }: Stage): Promise<void> {
  for (const learner of learners) {
    while ((await learner.step()) > 0);
    await learner.tick(clock.now);
    while ((await learner.step()) > 0);
  }
}

export async function readOn(follower: CountsFollower): Promise<void> {
  while ((await follower.step()) > 0);
}

/** Lets so many seconds go by in which nothing comes. */
export async function rest(stage: Stage, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    stage.clock.now += 1_000;
    await stepAll(stage);
  }
}

export const statesOf = ({ learners }: Stage): LearnState[] =>
  learners.flatMap(({ states }) => states);
