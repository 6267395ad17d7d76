/** The event log: topics with partitions, append a batch, read from an offset. */

export const TOPICS = [
  "limen.decisions",
  "limen.labels",
  "limen.counts",
  "limen.tables",
  "limen.commands",
  "limen.rejected",
] as const;
export type Topic = (typeof TOPICS)[number];

/** Of one value; a table is 512 KiB, and nothing else comes near. */
export const VALUE_BYTES_MAX = 4 * 1024 * 1024;

export type NewEvent = {
  topic: Topic;
  /** What decides the partition unless one is given; null goes to partition 0. */
  key: Uint8Array | null;
  partition?: number;
  value: Uint8Array | null;
  headers?: Readonly<Record<string, string>>;
};

export type StoredEvent = {
  partition: number;
  /** Grows by at least 1 from event to event of a partition. */
  offset: bigint;
  /** Intake: milliseconds since 1970 by the log's clock; it never goes back within a topic and
   * partition. */
  time: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Readonly<Record<string, string>>;
};

export type EventLog = {
  /**
   * Resolves once every event of the batch survives a kill -9. What a batch has for one topic and
   * partition is visible in its order, up to VALUE_BYTES_MAX all or none. After an error some may
   * be there: whoever appends again may double them, and readers count by their own numbers.
   */
  append(batch: readonly NewEvent[]): Promise<void>;
  /** At most `max` events with offset >= `from`, in order; an empty array at the end. Fewer than
   * `max` say nothing of the end, unless the log has one clock. */
  read(topic: Topic, partition: number, from: bigint, max: number): Promise<StoredEvent[]>;
  /** The offset the next event of the partition will have at the least. */
  end(topic: Topic, partition: number): Promise<bigint>;
  partitions(topic: Topic): number;
  /**
   * Time does not go back over the topics of a partition either: what is appended later to any of
   * them has the time of all before it, or a later one, and a read that has reached the end has
   * seen all of it. Without it a reader knows how far a topic has come only by that topic's events.
   */
  readonly hasOneClock: boolean;
  close(): Promise<void>;
};
