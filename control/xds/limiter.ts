/** Lets runs through at a rate; those that wait go in the order they came. */
export type Limiter = {
  /** Runs now, or when its turn comes; the function returned takes it out of the line. */
  admit(run: () => void): () => void;
  close(): void;
};

/** A token bucket: `burst` at once, then `perSecond`. */
export function createLimiter(perSecond: number, burst: number, now: () => number): Limiter {
  const waiting = new Set<() => void>();
  let tokens = burst;
  let filledAt = now();
  let timer: NodeJS.Timeout | undefined;

  const refill = (): void => {
    const at = now();
    tokens = Math.min(burst, tokens + ((at - filledAt) * perSecond) / 1000);
    filledAt = at;
  };
  const serve = (): void => {
    timer = undefined;
    refill();
    for (const run of waiting) {
      if (tokens < 1) break;
      tokens -= 1;
      waiting.delete(run);
      run();
    }
    if (waiting.size > 0) timer = setTimeout(serve, Math.ceil(1000 / perSecond));
  };
  return {
    admit(run) {
      waiting.add(run);
      if (timer === undefined) serve();
      return () => waiting.delete(run);
    },
    close() {
      clearTimeout(timer);
      waiting.clear();
    },
  };
}
