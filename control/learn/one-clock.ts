/** Decisions and labels of one partition of a log with one clock, in the order of their times. */
import type { NewEvent, StoredEvent } from "../events/log.ts";
import {
  awaitsTime,
  type Fold,
  foldDecision,
  foldLabel,
  type Source,
  writePending,
} from "./fold.ts";
import { tickEvent } from "./join/label-event.ts";
import {
  countUnread,
  createFeed,
  expectMore,
  type LabelFeed,
  lookAhead,
  takeBefore,
} from "./label-feed.ts";

/** Some 10 ms of folding, so that nothing else in the process waits long. */
const READ_EVENTS = 500;
/** A label that came last is counted at the latest after this. */
const TICK_MS = 1_000;

type OneClock = {
  fold: Fold;
  feed: LabelFeed;
  /** Of the newest event of both topics that was read. */
  newest: number;
  isCurrent: boolean;
  /** The last look found nothing. */
  isIdle: boolean;
  tickedAt: number;
};

const foldLabels = ({ fold, feed }: OneClock, before: number): Promise<number> =>
  takeBefore(feed, before, (event) => foldLabel(fold, event));

/** Folds decisions, each after the labels of an earlier time; stops at a checkpoint, so that there
 * is never more than one to write. */
async function foldDecisions(source: OneClock, events: readonly StoredEvent[]): Promise<number> {
  const { fold } = source;
  let folded = 0;
  for (const event of events) {
    if (fold.state.joining) folded += await foldLabels(source, event.time);
    foldDecision(fold, event);
    folded++;
    if (fold.unwritten) break;
  }
  return folded;
}

/**
 * Folds one read of decisions. At their end nothing can come any more that is older than the newest
 * event read before: labels before that one are folded too.
 */
async function follow(source: OneClock): Promise<number> {
  const { fold, feed, newest } = source;
  await writePending(fold);
  const { log, state } = fold;
  const { partition } = state.settings;
  const events = await log.read("limen.decisions", partition, state.next, READ_EVENTS);
  source.newest = Math.max(newest, events.at(-1)?.time ?? 0);
  expectMore(feed);
  let folded = await foldDecisions(source, events);
  const isEnd = events.length < READ_EVENTS && !fold.unwritten;
  if (isEnd && state.joining) {
    folded += await foldLabels(source, source.newest);
    source.newest = Math.max(source.newest, await lookAhead(feed));
  }
  if (isEnd) source.isCurrent = true;
  await writePending(fold);
  // Labels that were only read so far can be folded after another look at the decisions.
  const moved = Math.max(folded, source.newest > newest ? 1 : 0);
  source.isIdle = moved === 0;
  return moved;
}

/** Whether something waits for the log's time to move on, and for how long at a time. */
function tickIntervalOf({ fold, feed, isIdle }: OneClock): number {
  if (!fold.state.joining || !isIdle) return Number.POSITIVE_INFINITY;
  if (countUnread(feed) > 0) return TICK_MS;
  return awaitsTime(fold) ? fold.state.joining.join.settings.cohortMs : Number.POSITIVE_INFINITY;
}

/** While no traffic moves the log's time on, a tick does: windows end, and labels are counted. */
function takeTicks(source: OneClock, now: number): NewEvent[] {
  if (now - source.tickedAt < tickIntervalOf(source)) return [];
  source.tickedAt = now;
  return [tickEvent(source.fold.state.settings.partition)];
}

/** The order of a log whose time does not go back over its topics. */
export function createOneClock(fold: Fold): Source {
  const { log, state } = fold;
  const feed = createFeed(log, state.settings.partition, state.joining?.labelsNext ?? 0n);
  const source: OneClock = { fold, feed, newest: 0, isCurrent: false, isIdle: false, tickedAt: 0 };
  return {
    follow: () => follow(source),
    isCurrent: () => source.isCurrent,
    takeTicks: (now) => takeTicks(source, now),
  };
}
