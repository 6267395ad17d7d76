import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import type { EventLog } from "../events/log.ts";
import { createFold, type Source } from "./fold.ts";
import type { LabelSettings } from "./join/sources.ts";
import { createOneClock } from "./one-clock.ts";
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
  /** Scored decisions whose cohorts stay in memory; 100,000 unless said: 10 / share of the smallest
   * objective. */
  keepScored?: number;
  /** Labels are joined; without it decisions are only counted. */
  labels?: LabelSettings;
  /** Decisions held for the join at the most; 1,048,576 unless said. */
  holdMax?: number;
  onScored?: OnScored;
  onError?: (error: LimenError) => void;
};

export type Learner = {
  /** One a partition of limen.decisions. */
  states: readonly LearnState[];
  /** Folds what is there, at most some thousand events; 0 when there is nothing more to do. */
  step(): Promise<number>;
  /** Moves time on where something waits for that, in one append; how many ticks it were. Call it
   * now and then, as `run` does; `now` is milliseconds of any clock that does not stand still. */
  tick(now: number): Promise<number>;
  /** Every partition was read to its end at least once: before that, states are of the past. */
  isCurrent(): boolean;
  /** Steps until the signal, waiting a little at the end of the log; errors are told and retried. */
  run(signal: AbortSignal): Promise<void>;
};

const POLL_MS = 50;
const RETRY_MS = 1_000;
const SLICE_MS = 1_000;
const CHECKPOINT_MS = 5_000;
const KEEP_SCORED = 100_000;

type Followed = { state: LearnState; source: Source };

async function run(
  learner: Pick<Learner, "step" | "tick">,
  { onError }: LearnerOptions,
  signal: AbortSignal,
) {
  while (!signal.aborted) {
    let waitMs = POLL_MS;
    try {
      if ((await learner.step()) > 0) waitMs = 0;
      await learner.tick(Date.now());
    } catch (thrown) {
      onError?.(LimenError.from(thrown, "learning from the event log"));
      waitMs = RETRY_MS;
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

async function followPartition(options: LearnerOptions, partition: number): Promise<Followed> {
  const { log, namesOf } = options;
  const state = await restoreState(log, {
    partition,
    sliceMs: options.sliceMs ?? SLICE_MS,
    checkpointMs: options.checkpointMs ?? CHECKPOINT_MS,
    keepScored: options.keepScored ?? KEEP_SCORED,
    ...(options.labels && { labels: options.labels }),
    ...(options.holdMax !== undefined && { holdMax: options.holdMax }),
    ...(options.onScored && { onScored: options.onScored }),
  });
  const fold = createFold(log, namesOf, state);
  return { state, source: log.hasOneClock ? createOneClock(fold) : createTwoClocks(fold) };
}

/** Restores the fold of every partition from the log's checkpoints and goes on from there. */
export async function createLearner(options: LearnerOptions): Promise<Learner> {
  const { log } = options;
  const followed: Followed[] = [];
  for (let partition = 0; partition < log.partitions("limen.decisions"); partition++) {
    followed.push(await followPartition(options, partition));
  }
  const step = async (): Promise<number> => {
    let folded = 0;
    for (const { source } of followed) folded += await source.follow();
    return folded;
  };
  const tick = async (now: number): Promise<number> => {
    const ticks = followed.flatMap(({ source }) => source.takeTicks(now));
    if (ticks.length > 0) await log.append(ticks);
    return ticks.length;
  };
  return {
    states: followed.map(({ state }) => state),
    step,
    tick,
    isCurrent: () => followed.every(({ source }) => source.isCurrent()),
    run: (signal) => run({ step, tick }, options, signal),
  };
}
