import { LimenError } from "../errors.ts";

/**
 * What a caller of the API waits at most. An operator's verb may need several steps of the event
 * log, one behind another process's in its turn, and each of them waits longer than this.
 */
export const ANSWER_MS = 8_000;

export type Waiting = {
  /** What is done, as the operator named it. */
  what: string;
  /** Of the event log, as in limen.yaml. */
  log: string;
  /** Whether it changes something, which the work may still do later. */
  changes: boolean;
  timeoutMs: number;
};

function describeLate({ what, log, changes, timeoutMs }: Waiting): string {
  const seen = `${what}: the event log ${log} gave no answer within ${timeoutMs / 1000} s`;
  const todo = "see that it is up and reached from here";
  return changes
    ? `${seen}; ${todo}, look at "limen status" whether it was done all the same, and try again`
    : `${seen}; ${todo}, and try again`;
}

/** Throws "unavailable" when the work takes longer; the work itself goes on and may still succeed. */
export async function answerInTime<Value>(work: Promise<Value>, waiting: Waiting): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(new LimenError("unavailable", describeLate(waiting)));
  const timer = setTimeout(end, waiting.timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
