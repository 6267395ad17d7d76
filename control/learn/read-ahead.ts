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
};

const READ_EVENTS = 500;

export const createReadAhead = (
  log: EventLog,
  topic: Topic,
  partition: number,
  next: bigint,
): ReadAhead => ({ log, topic, partition, events: [], at: 0, next, time: 0, isEnd: false });

export const headOf = ({ events, at }: ReadAhead): StoredEvent | undefined => events[at];

/** Reads a page when all that was read is taken. */
export async function refill(ahead: ReadAhead): Promise<void> {
  if (headOf(ahead)) return;
  const { log, topic, partition, next } = ahead;
  ahead.events = await log.read(topic, partition, next, READ_EVENTS);
  ahead.at = 0;
  const last = ahead.events.at(-1);
  ahead.isEnd = last === undefined;
  if (!last) return;
  ahead.next = last.offset + 1n;
  ahead.time = last.time;
}

/** Whether anything that was read and not taken passes. */
export function holds({ events, at }: ReadAhead, passes: (event: StoredEvent) => boolean): boolean {
  for (let index = at; index < events.length; index++) {
    const event = events[index];
    if (event && passes(event)) return true;
  }
  return false;
}
