import type { NewEvent } from "../events/log.ts";

/** Of one append, well below what the log takes all or none of. */
const APPEND_BYTES = 2 * 1024 * 1024;
/** What an event takes besides its key and value, at the most. */
const OVERHEAD_BYTES = 64;

/** Appends of a bounded size, in order; an event that is larger is one by itself. */
export function splitAppend(events: readonly NewEvent[], bytesMax = APPEND_BYTES): NewEvent[][] {
  const appends: NewEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const own = (event.key?.length ?? 0) + (event.value?.length ?? 0) + OVERHEAD_BYTES;
    if (bytes + own > bytesMax) {
      appends.push([]);
      bytes = 0;
    }
    appends.at(-1)?.push(event);
    bytes += own;
  }
  return appends;
}
