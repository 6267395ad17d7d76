import { setTimeout as sleep } from "node:timers/promises";

export type Pace = {
  /** Starts a second; 0 is as fast as answers come. */
  rate: number;
  /** Unanswered at one time; at this bound the next one waits, so the rate is an upper bound. */
  inFlight: number;
  signal?: AbortSignal;
};

/** Behind by more than this the schedule starts anew: no burst after a stall. */
const LATE_MS = 1_000;

/** Waits for the next start of a steady schedule. */
function openSchedule(rate: number): () => Promise<void> {
  const step = rate > 0 ? 1000 / rate : 0;
  let due = performance.now();
  return async () => {
    const now = performance.now();
    if (now - due > LATE_MS) due = now;
    due += step;
    // A timer fires 1 ms late as a rule: shorter waits than that are not worth one.
    if (due - now > 1) await sleep(due - now);
  };
}

/**
 * Calls `send` for each item at a pace and resolves when all are done. The first rejection of
 * `send` or of the items stops the run and is thrown; an aborted signal ends it early, quietly.
 */
export async function paceItems<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  pace: Pace,
  send: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = new Set<Promise<void>>();
  const wait = openSchedule(pace.rate);
  let failed: { error: unknown } | null = null;
  for await (const item of items) {
    if (failed || pace.signal?.aborted) break;
    const running: Promise<void> = send(item)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => waiting.delete(running));
    waiting.add(running);
    if (waiting.size >= pace.inFlight) await Promise.race(waiting);
    await wait();
  }
  await Promise.all(waiting);
  if (failed) throw (failed as { error: unknown }).error;
}
