import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventLog, StoredEvent, Topic } from "../events/log.ts";

/** Events of one topic and partition, read a page ahead. */
export type ReadAhead = {
  log: EventLog;
  topic: Topic;
  partition: number;
  /** Read; those before `at` were taken. */
  events: StoredEvent[];
  at: number;
  /** Offset to read from. */
  next: bigint;
  /** Of the newest event that was read: none that comes later is earlier. */
  time: number;
  /** The last read found nothing. */
  isEnd: boolean;
  /** The page after the newest, while that is folded; nothing of it is known yet. */
  coming: Promise<StoredEvent[]> | undefined;
};

const READ_EVENTS = 1_000;
/** So many have more behind them, as a rule; a read gives some fewer than it was asked for. */
const PAGE_EVENTS = 500;

export const createReadAhead = (
  log: EventLog,
  topic: Topic,
  partition: number,
  next: bigint,
): ReadAhead => ({
  log,
  topic,
  partition,
  events: [],
  at: 0,
  next,
  time: 0,
  isEnd: false,
  coming: undefined,
});

export const headOf = ({ events, at }: ReadAhead): StoredEvent | undefined => events[at];

function readPage({ log, topic, partition, next }: ReadAhead): Promise<StoredEvent[]> {
  return log.read(topic, partition, next, READ_EVENTS);
}

/** The page at `next`. One that was asked for early and came back empty, or not at all, says nothing
 * of where the topic ends now. */
async function takePage(ahead: ReadAhead): Promise<StoredEvent[]> {
  const early = await ahead.coming?.catch(() => []);
  ahead.coming = undefined;
  if (!early?.length) return readPage(ahead);
  // It was there already: whatever else this process does has its turn between two pages.
  await nextTurn();
  return early;
}

/** Reads a page when all that was read is taken; the next one is on its way while it is folded. */
export async function refill(ahead: ReadAhead): Promise<void> {
  if (headOf(ahead)) return;
  ahead.events = await takePage(ahead);
  ahead.at = 0;
  const last = ahead.events.at(-1);
  ahead.isEnd = last === undefined;
  if (!last) return;
  ahead.next = last.offset + 1n;
  ahead.time = last.time;
  if (ahead.events.length < PAGE_EVENTS) return;
  ahead.coming = readPage(ahead);
  ahead.coming.catch(() => undefined);
}

/** Whether anything that was read and not taken passes. */
export function holds({ events, at }: ReadAhead, passes: (event: StoredEvent) => boolean): boolean {
  for (let index = at; index < events.length; index++) {
    const event = events[index];
    if (event && passes(event)) return true;
  }
  return false;
}
