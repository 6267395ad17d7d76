import type { Outcome } from "./attempt.ts";

export const MAX_RETRIES = 6;
/** One attempt may take so long. */
export const TIMEOUT_MS = 5_000;
/** From the first attempt to the end of the last one. */
const MAX_DELIVERY_MS = 300_000;
/** All waits of a message together: what the attempts leave of those five minutes. */
export const MAX_WAITED_MS = MAX_DELIVERY_MS - (MAX_RETRIES + 1) * TIMEOUT_MS;
/** The first wait; doubled at each further one: 4, 8, 16, 32, 64, 128 s, 252 s in all. */
const FIRST_WAIT_MS = 4_000;

export const isDelivered = ({ status }: Outcome): boolean =>
  status !== null && status >= 200 && status < 300;

const mayPass = ({ status }: Outcome): boolean =>
  status === null || status === 429 || (status >= 500 && status < 600);

/**
 * Milliseconds until the next attempt, or null to give up. Waits are drawn from the upper half of
 * a doubling span, so that many senders do not come back at once; a Retry-After lengthens one as
 * far as the five minutes allow. Counted in waits, not by the clock, which may jump. `random` is in [0, 1).
 */
export function planRetry(
  outcome: Outcome,
  { retries, waitedMs, random }: { retries: number; waitedMs: number; random: number },
): number | null {
  if (!mayPass(outcome) || retries >= MAX_RETRIES) return null;
  const spanMs = FIRST_WAIT_MS * 2 ** retries;
  const leftMs = MAX_WAITED_MS - waitedMs;
  const waitMs = Math.max((spanMs * (1 + random)) / 2, Math.min(outcome.retryAfterMs, leftMs));
  return waitMs > leftMs ? null : waitMs;
}
