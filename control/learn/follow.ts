import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import type { EventLog } from "../events/log.ts";
import { createFold, type Fold, type Source } from "./fold.ts";
import type { LabelSettings } from "./join/sources.ts";
import { KEEP, type Kept, shareKept } from "./kept.ts";
import { createOneClock } from "./one-clock.ts";
import type { OpenLabel } from "./relay.ts";
import { restoreState } from "./restore.ts";
import type { LearnState, NamesOf, OnScored } from "./state.ts";
import { createTwoClocks } from "./two-clocks.ts";

export type LearnerOptions = {
  log: EventLog;
  namesOf: NamesOf;
  /** Length of a cohort; 1 s unless said. */
  sliceMs?: number;
  /** At least this much of the log's time between checkpoints; 5 s unless said. */
  checkpointMs?: number;
  /** What of closed cohorts stays in memory; KEEP unless said. */
  keep?: Kept;
  /** Labels are joined; without it decisions are only counted. */
  labels?: LabelSettings;
  /** Reads labels that come as JSON; without it they are rejected. */
  openLabel?: OpenLabel;
  /** Decisions held for the join at the most; 1,048,576 unless said. */
  holdMax?: number;
  /** Partitions of limen.decisions that are followed at first; all unless said. */
  partitions?: readonly number[];
  onScored?: OnScored;
  /** A checkpoint of the partition is in the log: it holds the decisions before `next`. */
  onCheckpoint?: (partition: number, next: bigint) => void;
  onError?: (error: LimenError) => void;
};

export type Learner = {
  /** One a partition of limen.decisions that is followed, ascending; always the same array. */
  states: readonly LearnState[];
  /** Follows these from now on. Those kept go on; lost ones are dropped at once, and nothing more is
   * appended for them; gained ones are restored. Resolves when that is done. */
  setPartitions(partitions: readonly number[]): Promise<void>;
  /** Folds what is there, at most some thousand events; 0 when there is nothing more to do. */
  step(): Promise<number>;
  /** Moves time on where something waits for that, in one append; how many ticks it were. Call it
   * now and then, as `run` does; `now` is milliseconds of any clock that does not stand still. */
  tick(now: number): Promise<number>;
  /** Every partition that is wanted was read to its end at least once: before that, states are of
   * the past. */
  isCurrent(): boolean;
  /** Steps until the signal, waiting a little at the end of the log; errors are told and retried. */
  run(signal: AbortSignal): Promise<void>;
};

const POLL_MS = 50;
const RETRY_MS = 1_000;
const SLICE_MS = 1_000;
const CHECKPOINT_MS = 5_000;

type Followed = { partition: number; fold: Fold; source: Source };

async function run(
  learner: Pick<Learner, "step" | "tick">,
  { onError }: LearnerOptions,
  signal: AbortSignal,
) {
  while (!signal.aborted) {
    let waitMs = POLL_MS;
    const told = (thrown: unknown): void => {
      onError?.(LimenError.from(thrown, "learning from the event log"));
      waitMs = RETRY_MS;
    };
    const folded = await learner.step().catch(told);
    await learner.tick(Date.now()).catch(told);
    if (folded && waitMs === POLL_MS) waitMs = 0;
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

async function followPartition(options: LearnerOptions, partition: number): Promise<Followed> {
  const { log, namesOf } = options;
  const state = await restoreState(log, {
    partition,
    hasOneClock: log.hasOneClock,
    sliceMs: options.sliceMs ?? SLICE_MS,
    checkpointMs: options.checkpointMs ?? CHECKPOINT_MS,
    ...shareKept(log, options.keep ?? KEEP),
    ...(options.labels && { labels: options.labels }),
    ...(options.openLabel && { openLabel: options.openLabel }),
    ...(options.holdMax !== undefined && { holdMax: options.holdMax }),
    ...(options.onScored && { onScored: options.onScored }),
  });
  const fold = createFold(log, namesOf, state, options.onCheckpoint);
  return {
    partition,
    fold,
    source: log.hasOneClock ? createOneClock(fold) : createTwoClocks(fold),
  };
}

type Following = {
  options: LearnerOptions;
  followed: Followed[];
  states: LearnState[];
  wanted: readonly number[];
};

/** Drops what is not wanted any more: at once, also in the middle of a step. */
function dropLost(following: Following): void {
  const { followed, states, wanted } = following;
  for (const { partition, fold } of followed) fold.isDropped ||= !wanted.includes(partition);
  following.followed = followed.filter(({ fold }) => !fold.isDropped);
  states.splice(0, states.length, ...following.followed.map(({ fold }) => fold.state));
}

async function gain(following: Following, partition: number): Promise<void> {
  const isFollowed = (): boolean => following.followed.some((one) => one.partition === partition);
  if (isFollowed() || !following.wanted.includes(partition)) return;
  const made = await followPartition(following.options, partition);
  // It may have been lost again while it was restored.
  if (isFollowed() || !following.wanted.includes(partition)) return;
  following.followed.push(made);
  following.followed.sort((a, b) => a.partition - b.partition);
  dropLost(following);
}

async function setPartitions(following: Following, partitions: readonly number[]): Promise<void> {
  following.wanted = [...partitions];
  dropLost(following);
  for (const partition of partitions) await gain(following, partition);
}

/** All partitions at once: one folds while others wait for the log, or fail. */
async function step({ followed }: Following): Promise<number> {
  const live = followed.filter(({ fold }) => !fold.isDropped);
  const steps = await Promise.allSettled(live.map(({ source }) => source.follow()));
  let folded = 0;
  for (const one of steps) {
    if (one.status === "rejected") throw one.reason;
    folded += one.value;
  }
  return folded;
}

async function tick({ options, followed }: Following, now: number): Promise<number> {
  const ticks = followed.flatMap(({ source }) => source.takeTicks(now));
  if (ticks.length > 0) await options.log.append(ticks);
  return ticks.length;
}

function areCurrent({ wanted, followed }: Following): boolean {
  return followed.length === wanted.length && followed.every(({ source }) => source.isCurrent());
}

/** Restores the fold of every partition from the log's checkpoints and goes on from there. */
export async function createLearner(options: LearnerOptions): Promise<Learner> {
  const all = Array.from({ length: options.log.partitions("limen.decisions") }, (_, at) => at);
  const following: Following = { options, followed: [], states: [], wanted: [] };
  await setPartitions(following, options.partitions ?? all);
  const own = {
    step: () => step(following),
    tick: (now: number) => tick(following, now),
  };
  return {
    ...own,
    states: following.states,
    setPartitions: (partitions) => setPartitions(following, partitions),
    isCurrent: () => areCurrent(following),
    run: (signal) => run(own, options, signal),
  };
}
