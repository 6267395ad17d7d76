// A log in memory whose topics and partitions have clocks of their own, and where what was appended
// is seen later: what Kafka promises, and no more.
import type { EventLog, NewEvent, StoredEvent, Topic } from "../../../control/events/log.ts";
import { choosePartition } from "../../../control/events/partition.ts";

type Shelf = { events: StoredEvent[]; end: bigint; seen: bigint };

export type SkewedLog = EventLog & {
  /** Milliseconds that the clock of a topic is ahead of `now`; it never goes back by it. */
  skew(topic: Topic, partition: number, ms: number): void;
  /** Appends are not seen in reads until `show`. */
  hide(topic: Topic): void;
  show(topic: Topic): void;
  /** Fails the appends for which this gives true, before any of it is written. */
  failing: ((batch: readonly NewEvent[]) => boolean) | null;
  /** After this many more events of limen.counts the rest of the batch is not written: it fails. */
  tearAfter: number;
};

const isCompacted = (topic: Topic): boolean => topic === "limen.counts";

export function createSkewedLog(
  partitions: number,
  now: () => number,
  partitionsOf: (topic: Topic) => number = () => partitions,
): SkewedLog {
  const shelves = new Map<string, Shelf>();
  const skews = new Map<string, number>();
  const hidden = new Set<Topic>();
  const shelfOf = (topic: Topic, partition: number): Shelf => {
    const name = `${topic}/${partition}`;
    const found = shelves.get(name) ?? { events: [], end: 0n, seen: 0n };
    shelves.set(name, found);
    return found;
  };
  const add = ({ topic, key, value, headers = {}, ...given }: NewEvent): void => {
    const partition = given.partition ?? choosePartition(key, partitionsOf(topic));
    const shelf = shelfOf(topic, partition);
    const clock = now() + (skews.get(`${topic}/${partition}`) ?? 0);
    const time = Math.max(clock, shelf.events.at(-1)?.time ?? 0);
    const offset = shelf.end++;
    if (isCompacted(topic) && key) {
      const same = (event: StoredEvent): boolean => Buffer.compare(event.key ?? key, key) === 0;
      shelf.events = shelf.events.filter((event) => !(event.key && same(event)));
    }
    shelf.events.push({ partition, offset, time, key, value, headers: { ...headers } });
    if (!hidden.has(topic)) shelf.seen = shelf.end;
  };
  const log: SkewedLog = {
    append: async (batch) => {
      if (log.failing?.(batch)) throw new Error("the append failed");
      for (const event of batch) {
        if (isCompacted(event.topic) && log.tearAfter-- <= 0) {
          log.tearAfter = Number.POSITIVE_INFINITY;
          throw new Error("the append was torn");
        }
        add(event);
      }
    },
    read: async (topic, partition, from, max) => {
      const { events, seen } = shelfOf(topic, partition);
      return events.filter(({ offset }) => offset >= from && offset < seen).slice(0, max);
    },
    end: async (topic, partition) => shelfOf(topic, partition).seen,
    partitions: partitionsOf,
    hasOneClock: false,
    close: async () => undefined,
    skew: (topic, partition, ms) => void skews.set(`${topic}/${partition}`, ms),
    hide: (topic) => void hidden.add(topic),
    show: (topic) => {
      hidden.delete(topic);
      for (const [name, shelf] of shelves) if (name.startsWith(`${topic}/`)) shelf.seen = shelf.end;
    },
    failing: null,
    tearAfter: Number.POSITIVE_INFINITY,
  };
  return log;
}
