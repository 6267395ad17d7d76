/** Labels of one partition, read ahead: taken in before the decisions that came after them. */
import type { EventLog, StoredEvent } from "../events/log.ts";

export type LabelFeed = {
  log: EventLog;
  partition: number;
  /** Read and not taken in yet. */
  events: StoredEvent[];
  /** Those before this place in `events` were taken in. */
  at: number;
  /** Offset to read from. */
  next: bigint;
  /** All labels of a time before the decisions read last are here. */
  isWhole: boolean;
};

const READ_EVENTS = 1_000;
/** While nothing else comes, labels of the newest millisecond wait here. */
const EVENTS_MAX = 100_000;

export const createFeed = (log: EventLog, partition: number, next: bigint): LabelFeed => ({
  log,
  partition,
  events: [],
  at: 0,
  next,
  isWhole: false,
});

export const countUnread = ({ events, at }: LabelFeed): number => events.length - at;

async function readMore(feed: LabelFeed): Promise<void> {
  if (countUnread(feed) >= EVENTS_MAX) return;
  const more = await feed.log.read("limen.labels", feed.partition, feed.next, READ_EVENTS);
  feed.isWhole = more.length < READ_EVENTS;
  feed.events = feed.events.slice(feed.at).concat(more);
  feed.at = 0;
  feed.next = (more.at(-1)?.offset ?? feed.next - 1n) + 1n;
}

/** After decisions were read: what was whole before them need not be so any more. */
export function expectMore(feed: LabelFeed): void {
  feed.isWhole = false;
}

/** Reads a page ahead; the time of the newest label that was read, or 0. */
export async function lookAhead(feed: LabelFeed): Promise<number> {
  await readMore(feed);
  return feed.events.at(-1)?.time ?? 0;
}

/** Gives every label of a time before this one to `take`; how many it were. */
export async function takeBefore(
  feed: LabelFeed,
  time: number,
  take: (event: StoredEvent) => void,
): Promise<number> {
  let taken = 0;
  while (true) {
    let head = feed.events[feed.at];
    if (!head && !feed.isWhole) {
      await readMore(feed);
      head = feed.events[feed.at];
    }
    if (!head || head.time >= time) return taken;
    take(head);
    feed.at++;
    taken++;
  }
}
