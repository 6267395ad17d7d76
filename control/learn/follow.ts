import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import type { EventLog, NewEvent, StoredEvent } from "../events/log.ts";
import { noteSnapshot, takeCheckpoint } from "./checkpoint.ts";
import { tickEvent } from "./join/label-event.ts";
import type { LabelSettings } from "./join/sources.ts";
import {
  countUnread,
  createFeed,
  expectMore,
  type LabelFeed,
  lookAhead,
  takeBefore,
} from "./label-feed.ts";
import { restoreState } from "./restore.ts";
import {
  closeCohort,
  cohortOf,
  foldEvent,
  foldLabelEvent,
  type LearnState,
  type NamesOf,
  type OnScored,
} from "./state.ts";

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
  /** Every partition was read to its end at least once: before that, states are of the past. */
  isCurrent(): boolean;
  /** Steps until the signal, waiting a little at the end of the log; errors are told and retried. */
  run(signal: AbortSignal): Promise<void>;
};

/** Some 10 ms of folding, so that nothing else in the process waits long. */
const READ_EVENTS = 500;
const POLL_MS = 50;
const RETRY_MS = 1_000;
/** A label that came last is counted at the latest after this. */
const TICK_MS = 1_000;
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
  feed: LabelFeed;
  /** Of the newest event of both topics that was read. */
  newest: number;
  isCurrent: boolean;
  /** By this process's clock. */
  tickedAt: number;
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

/** Folds decisions, each after the labels of an earlier time; stops at a checkpoint, so that there
 * is never more than one to write. */
async function foldDecisions(follower: Follower, events: readonly StoredEvent[]): Promise<number> {
  const { state, namesOf } = follower;
  const { sliceMs, checkpointMs } = state.settings;
  let folded = 0;
  for (const event of events) {
    if (state.joining) folded += await foldLabels(follower, event.time);
    if (follower.savedAt < 0) follower.savedAt = cohortOf(state, event.time);
    const isBoundary = closeCohort(state, event);
    if (isBoundary && (state.open - follower.savedAt) * sliceMs >= checkpointMs) {
      follower.savedAt = state.open;
      follower.unwritten = takeCheckpoint(state);
    }
    noteSnapshot(state, event);
    foldEvent(state, event, namesOf);
    folded++;
    if (follower.unwritten) break;
  }
  return folded;
}

function foldLabels({ state, feed, namesOf }: Follower, before: number): Promise<number> {
  return takeBefore(feed, before, (event) => foldLabelEvent(state, event, namesOf));
}

/**
 * Folds one read of decisions. At their end nothing can come any more that is older than the newest
 * event read before: labels before that one are folded too.
 */
async function follow(follower: Follower): Promise<number> {
  await write(follower);
  const { log, state, feed } = follower;
  const { newest } = follower;
  const { partition } = state.settings;
  const events = await log.read("limen.decisions", partition, state.next, READ_EVENTS);
  const last = events.at(-1)?.time ?? 0;
  follower.newest = Math.max(newest, last);
  expectMore(feed);
  let folded = await foldDecisions(follower, events);
  const isEnd = events.length < READ_EVENTS && !follower.unwritten;
  if (isEnd && state.joining) {
    folded += await foldLabels(follower, follower.newest);
    follower.newest = Math.max(follower.newest, await lookAhead(feed));
  }
  if (isEnd) follower.isCurrent = true;
  await write(follower);
  // Labels that were only read so far can be folded after another look at the decisions.
  return Math.max(folded, follower.newest > newest ? 1 : 0);
}

/** Whether something waits for the log's time to move on, and for how long at a time. */
function tickIntervalOf({ state, feed }: Follower): number {
  if (!state.joining) return Number.POSITIVE_INFINITY;
  if (countUnread(feed) > 0) return TICK_MS;
  const { join } = state.joining;
  const isOpen = (join.cohorts.at(-1)?.cohort ?? -1) >= join.open && join.cohorts.length > 0;
  return isOpen || join.waiting.size > 0 ? join.settings.cohortMs : Number.POSITIVE_INFINITY;
}

/** While no traffic moves the log's time on, a tick does: windows end, and labels are counted. */
async function tick(follower: Follower): Promise<void> {
  const now = Date.now();
  if (now - follower.tickedAt < tickIntervalOf(follower)) return;
  follower.tickedAt = now;
  const { log, state } = follower;
  await log.append([tickEvent(state.settings.partition, log.partitions("limen.labels"))]);
}

async function run(
  followers: readonly Follower[],
  step: () => Promise<number>,
  options: LearnerOptions,
  signal: AbortSignal,
) {
  while (!signal.aborted) {
    let waitMs = POLL_MS;
    try {
      if ((await step()) > 0) waitMs = 0;
      else for (const follower of followers) await tick(follower);
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
      ...(options.labels && { labels: options.labels }),
      ...(options.holdMax !== undefined && { holdMax: options.holdMax }),
      ...(options.onScored && { onScored: options.onScored }),
    });
    followers.push({
      log,
      namesOf,
      state,
      savedAt: state.open,
      unwritten: undefined,
      feed: createFeed(log, partition, state.joining?.labelsNext ?? 0n),
      newest: 0,
      isCurrent: false,
      tickedAt: 0,
    });
  }
  const step = async (): Promise<number> => {
    let folded = 0;
    for (const follower of followers) folded += await follow(follower);
    return folded;
  };
  return {
    states: followers.map(({ state }) => state),
    step,
    isCurrent: () => followers.every((follower) => follower.isCurrent),
    run: (signal) => run(followers, step, options, signal),
  };
}
