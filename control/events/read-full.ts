import type { EventLog, StoredEvent, Topic } from "./log.ts";

/** `max` events with offset >= `from`, or all to the end: one read of a log may give fewer. */
export async function readFull(
  log: EventLog,
  place: { topic: Topic; partition: number },
  from: bigint,
  max: number,
): Promise<StoredEvent[]> {
  const { topic, partition } = place;
  const events: StoredEvent[] = [];
  let next = from;
  while (events.length < max) {
    const more = await log.read(topic, partition, next, max - events.length);
    const last = more.at(-1);
    if (!last) break;
    for (const event of more) events.push(event);
    next = last.offset + 1n;
  }
  return events;
}
