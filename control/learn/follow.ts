import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import type { EventLog, NewEvent } from "../events/log.ts";
import { restoreState, takeCheckpoint } from "./checkpoint.ts";
import { closeCohort, cohortOf, foldEvent, type LearnState, type NamesOf } from "./state.ts";

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
  onError?: (error: LimenError) => void;
};

export type Learner = {
  /** One a partition of limen.decisions. */
  states: readonly LearnState[];
  /** Folds what is there, at most some thousand events; how many it were. */
  step(): Promise<number>;
  /** Steps until the signal, waiting a little at the end of the log; errors are told and retried. */
  run(signal: AbortSignal): Promise<void>;
};

/** Some 10 ms of folding, so that nothing else in the process waits long. */
const READ_EVENTS = 500;
const POLL_MS = 50;
const RETRY_MS = 1_000;
const SLICE_MS = 1_000;
const CHECKPOINT_MS = 5_000;
const KEEP_SCORED = 100_000;

type Follower = {
  log: EventLog;
  namesOf: NamesOf;
  state: LearnState;
  /** Cohort at the last checkpoint, or where this process began. */
  savedAt: number;
  /** A checkpoint whose append has not returned. */
  unwritten: { counts: NewEvent[]; rejected: NewEvent[] } | undefined;
};

/** Writes the checkpoint; rejects come after it, because a full log refuses only them. */
async function write(follower: Follower): Promise<void> {
  if (!follower.unwritten) return;
  const { counts, rejected } = follower.unwritten;
  await follower.log.append(counts);
  follower.unwritten = undefined;
  if (rejected.length === 0) return;
  try {
    await follower.log.append(rejected);
  } catch (thrown) {
    // Counted in the state; at the size cap that is all that stays of them.
    if (LimenError.from(thrown, "").code !== "unavailable") throw thrown;
  }
}

/** Folds one read; stops at a checkpoint, so that there is never more than one to write. */
async function follow(follower: Follower): Promise<number> {
  await write(follower);
  const { log, state } = follower;
  const { partition, sliceMs, checkpointMs } = state.settings;
  const events = await log.read("limen.decisions", partition, state.next, READ_EVENTS);
  let folded = 0;
  for (const event of events) {
    if (follower.savedAt < 0) follower.savedAt = cohortOf(state, event.time);
    const isBoundary = closeCohort(state, event);
    if (isBoundary && (state.open - follower.savedAt) * sliceMs >= checkpointMs) {
      follower.savedAt = state.open;
      follower.unwritten = takeCheckpoint(state);
    }
    foldEvent(state, event, follower.namesOf);
    folded++;
    if (follower.unwritten) break;
  }
  await write(follower);
  return folded;
}

async function run(step: () => Promise<number>, options: LearnerOptions, signal: AbortSignal) {
  while (!signal.aborted) {
    let waitMs = POLL_MS;
    try {
      if ((await step()) > 0) waitMs = 0;
    } catch (thrown) {
      options.onError?.(LimenError.from(thrown, "learning from the event log"));
      waitMs = RETRY_MS;
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Restores the fold of every partition from the log's checkpoints and goes on from there. */
export async function createLearner(options: LearnerOptions): Promise<Learner> {
  const { log, namesOf } = options;
  const followers: Follower[] = [];
  for (let partition = 0; partition < log.partitions("limen.decisions"); partition++) {
    const state = await restoreState(log, {
      partition,
      sliceMs: options.sliceMs ?? SLICE_MS,
      checkpointMs: options.checkpointMs ?? CHECKPOINT_MS,
      keepScored: options.keepScored ?? KEEP_SCORED,
    });
    followers.push({ log, namesOf, state, savedAt: state.open, unwritten: undefined });
  }
  const step = async (): Promise<number> => {
    let folded = 0;
    for (const follower of followers) folded += await follow(follower);
    return folded;
  };
  return {
    states: followers.map(({ state }) => state),
    step,
    run: (signal) => run(step, options, signal),
  };
}
