/**
 * Decisions and labels of one partition of a log whose topics have clocks of their own. Each topic
 * is in order by itself, so an event may be taken in once the other topic was read past its time:
 * what comes later there is not earlier. The order is the one of the times, decisions first within
 * a millisecond, as with one clock; it is in the log, whatever was visible when.
 */
import type { NewEvent, StoredEvent } from "../events/log.ts";
import { type Fold, foldDecision, foldLabel, type Source, writePending } from "./fold.ts";
import { isTickEvent } from "./join/fold-label.ts";
import { decisionTick, tickEvent } from "./join/label-event.ts";
import { awaitsCut } from "./loss.ts";
import { createReadAhead, headOf, holds, type ReadAhead, refill } from "./read-ahead.ts";

/** Some 10 ms of folding, so that nothing else in the process waits long. */
const STEP_EVENTS = 500;
/** How long an event waits for a topic in which nothing happens. */
const WAITING_TICK_MS = 250;
/** Of a partition in which nothing waits: others ask how far it has come. */
const IDLE_TICK_MIN_MS = 1_000;
const IDLE_TICK_MAX_MS = 10_000;

type TwoClocks = {
  fold: Fold;
  decisions: ReadAhead;
  labels: ReadAhead;
  /** Where both topics ended as this process began. */
  ends: { decisions: bigint; labels: bigint } | undefined;
  isCurrent: boolean;
  /** By this process's clock: when a tick was sent, and when something was folded. */
  tickedAt: number;
  movedAt: number;
  hasMoved: boolean;
};

const isTick = (event: StoredEvent): boolean => event.value === null;
const isDecision = (event: StoredEvent): boolean => !isTick(event);
const isLabel = (event: StoredEvent): boolean => !isTickEvent(event);

/** The topic whose head comes next; null when that is not known yet, or nothing is there. */
function chooseNext({ fold, decisions, labels }: TwoClocks): ReadAhead | null {
  const [decision, label] = [headOf(decisions), headOf(labels)];
  if (!fold.state.joining) return decision ? decisions : null;
  if (decision && decision.time <= (label?.time ?? labels.time)) return decisions;
  if (label && label.time < (decision?.time ?? decisions.time)) return labels;
  return null;
}

/** Folds what is read and may be; stops at a checkpoint, so that there is never more than one. */
function foldReady(source: TwoClocks): number {
  const { fold, decisions } = source;
  for (let folded = 0; ; folded++) {
    const ahead = fold.unwritten ? null : chooseNext(source);
    const event = ahead && headOf(ahead);
    if (!event) return folded;
    ahead.at++;
    if (ahead === decisions) foldDecision(fold, event);
    else foldLabel(fold, event);
  }
}

/** Whether a topic was read and folded up to where it ended; ticks may be left over for good. */
function isPast(ahead: ReadAhead, end: bigint, isOwn: (event: StoredEvent) => boolean): boolean {
  if (ahead.next < end && !ahead.isEnd) return false;
  return !holds(ahead, (event) => event.offset < end && isOwn(event));
}

/** Current: what was in the log as this process began is folded. */
async function noteCurrent(source: TwoClocks): Promise<void> {
  if (source.isCurrent) return;
  const { fold, decisions, labels } = source;
  const { log, partition } = decisions;
  source.ends ??= {
    decisions: await log.end("limen.decisions", partition),
    labels: fold.state.joining ? await log.end("limen.labels", partition) : 0n,
  };
  const { ends } = source;
  const areLabelsPast = !fold.state.joining || isPast(labels, ends.labels, isLabel);
  source.isCurrent = areLabelsPast && isPast(decisions, ends.decisions, isDecision);
}

async function follow(source: TwoClocks): Promise<number> {
  const { fold, decisions, labels } = source;
  await writePending(fold);
  let folded = 0;
  while (folded < STEP_EVENTS && !fold.isDropped) {
    await refill(decisions);
    if (fold.state.joining) await refill(labels);
    const more = foldReady(source);
    folded += more;
    await writePending(fold);
    if (more === 0) break;
  }
  await noteCurrent(source);
  source.hasMoved ||= folded > 0;
  return folded;
}

/** Counts that only the next event would bring to limen.counts. */
const holdsCounts = ({ state }: Fold): boolean =>
  state.unsaved.length > 0 || state.cohorts.has(state.open);

function idleTicks({ fold }: TwoClocks, idleMs: number): NewEvent[] {
  const { settings, joining } = fold.state;
  const { partition } = settings;
  const ownMs = joining?.join.settings.cohortMs ?? settings.checkpointMs;
  const leastMs = Math.min(IDLE_TICK_MAX_MS, Math.max(IDLE_TICK_MIN_MS, ownMs));
  if (idleMs < leastMs) return [];
  if (joining) return [decisionTick(partition), tickEvent(partition)];
  return holdsCounts(fold) || awaitsCut(fold.state) ? [decisionTick(partition)] : [];
}

/**
 * A tick for the topic that something waits for. With labels an idle partition is moved on too: a
 * cohort is closed once all partitions have closed it.
 */
function takeTicks(source: TwoClocks, now: number): NewEvent[] {
  if (source.hasMoved) source.movedAt = now;
  source.hasMoved = false;
  const { fold, decisions, labels } = source;
  const sinceMs = now - source.tickedAt;
  if (sinceMs < WAITING_TICK_MS) return [];
  const { partition } = fold.state.settings;
  const waits = fold.state.joining !== null;
  let ticks: NewEvent[] = [];
  if (waits && holds(decisions, isDecision)) ticks = [tickEvent(partition)];
  else if (waits && holds(labels, isLabel)) ticks = [decisionTick(partition)];
  else ticks = idleTicks(source, Math.min(sinceMs, now - source.movedAt));
  if (ticks.length > 0) source.tickedAt = now;
  return ticks;
}

/** The order of a log whose topics have clocks of their own. */
export function createTwoClocks(fold: Fold): Source {
  const { log, state } = fold;
  const { partition } = state.settings;
  const source: TwoClocks = {
    fold,
    decisions: createReadAhead(log, "limen.decisions", partition, state.next),
    labels: createReadAhead(log, "limen.labels", partition, state.joining?.labelsNext ?? 0n),
    ends: undefined,
    isCurrent: false,
    tickedAt: Number.NEGATIVE_INFINITY,
    movedAt: Number.NEGATIVE_INFINITY,
    hasMoved: false,
  };
  return {
    follow: () => follow(source),
    isCurrent: () => source.isCurrent,
    takeTicks: (now) => takeTicks(source, now),
  };
}
