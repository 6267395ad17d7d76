import { setImmediate as breathe } from "node:timers/promises";
import type { EventLog, StoredEvent, Topic } from "../events/log.ts";
import { readFull } from "../events/read-full.ts";

/** Offsets read at once: about a megabyte of decisions. */
const PAGE = 2_000;

export type Walk = {
  topic: Topic;
  partition: number;
  /** Offsets looked at, at the most. */
  bound: number;
  page?: number;
  /** Called with each event, the newest first; false ends the walk. */
  visit: (event: StoredEvent) => boolean;
};

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Offsets in a page may have gaps, so it can hold events from `upper` on: those were visited. */
function visitPage(events: StoredEvent[], upper: bigint, visit: Walk["visit"]): boolean {
  return events.toReversed().every((event) => event.offset >= upper || visit(event));
}

/**
 * Walks a partition from its end backwards, page by page: the log has no index but the offset.
 * True when events older than the bound were left out. Others get their turn between two pages.
 */
export async function walkBack(log: EventLog, walk: Walk): Promise<boolean> {
  const { topic, partition, page = PAGE, visit } = walk;
  let upper = await log.end(topic, partition);
  const lowest = later(upper - BigInt(walk.bound), 0n);
  while (upper > lowest) {
    const lower = later(upper - BigInt(page), lowest);
    const events = await readFull(log, walk, lower, Number(upper - lower));
    if (!visitPage(events, upper, visit)) return false;
    upper = lower;
    await breathe();
  }
  const [oldest] = await log.read(topic, partition, 0n, 1);
  return oldest !== undefined && oldest.offset < upper;
}
