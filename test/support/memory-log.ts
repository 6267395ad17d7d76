import { LimenError } from "../../control/errors.ts";
import type { EventLog, NewEvent, StoredEvent, Topic } from "../../control/events/log.ts";
import { VALUE_BYTES_MAX } from "../../control/events/log.ts";
import { choosePartition } from "../../control/events/partition.ts";

export type MemoryLogOptions = { partitions?: number; now?: () => number };

const copy = (bytes: Uint8Array | null): Uint8Array | null => bytes && new Uint8Array(bytes);

/** An event log in memory: the same promises as the real ones, but for the kill -9. */
export function createMemoryLog(options: MemoryLogOptions = {}): EventLog {
  const { partitions = 1, now = Date.now } = options;
  const shelves = new Map<string, StoredEvent[]>();
  const shelf = (topic: Topic, partition: number): StoredEvent[] => {
    const name = `${topic}/${partition}`;
    const found = shelves.get(name) ?? [];
    shelves.set(name, found);
    return found;
  };
  let lastTime = 0;
  let isClosed = false;
  const check = ({ value, partition = 0 }: NewEvent): void => {
    if (isClosed) throw new LimenError("unavailable", "event log: closed; open it again");
    const isThere = partition >= 0 && partition < partitions;
    if (isThere && (value?.length ?? 0) <= VALUE_BYTES_MAX) return;
    throw new LimenError("input", "event log: no such partition, or a value too large");
  };
  const add = ({ topic, key, value, headers = {}, ...given }: NewEvent): void => {
    const partition = given.partition ?? choosePartition(key, partitions);
    const events = shelf(topic, partition);
    const last = events.at(-1);
    lastTime = Math.max(now(), lastTime);
    events.push({
      partition,
      offset: (last?.offset ?? -1n) + 1n,
      time: lastTime,
      key: copy(key),
      value: copy(value),
      headers: { ...headers },
    });
    if (topic !== "limen.counts" || key === null) return;
    const former = events.findIndex(
      (event) => event !== events.at(-1) && event.key && Buffer.compare(event.key, key) === 0,
    );
    if (former >= 0) events.splice(former, 1);
  };
  return {
    append: async (batch) => {
      batch.forEach(check);
      batch.forEach(add);
    },
    read: async (topic, partition, from, max) =>
      shelf(topic, partition)
        .filter(({ offset }) => offset >= from)
        .slice(0, max),
    end: async (topic, partition) => (shelf(topic, partition).at(-1)?.offset ?? -1n) + 1n,
    partitions: () => partitions,
    hasOneClock: true,
    close: async () => {
      isClosed = true;
    },
  };
}
