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

export type NewEvent = {
  topic: Topic;
  /** What decides the partition; null goes to partition 0. */
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers?: Readonly<Record<string, string>>;
};

export type StoredEvent = {
  partition: number;
  /** Grows by at least 1 from event to event of a partition. */
  offset: bigint;
  /**
   * Intake: milliseconds since 1970 by the log's clock. It never goes back within a partition, over
   * all topics: what is appended later to any of them has this time or a later one.
   */
  time: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Readonly<Record<string, string>>;
};

export type EventLog = {
  /** Resolves once every event of the batch survives a kill -9; all or none is visible. */
  append(batch: readonly NewEvent[]): Promise<void>;
  /** At most `max` events with offset >= `from`, in order; an empty array at the end. */
  read(topic: Topic, partition: number, from: bigint, max: number): Promise<StoredEvent[]>;
  /** The offset the next event of the partition will have at the least. */
  end(topic: Topic, partition: number): Promise<bigint>;
  partitions(topic: Topic): number;
  close(): Promise<void>;
};
