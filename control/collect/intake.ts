import { LimenError } from "../errors.ts";
import type { NewEvent } from "../events/log.ts";

export type IntakeCounters = {
  /** Events accepted into the buffer. */
  accepted: number;
  /** Events whose append returned. */
  appended: number;
  /** Events lost here: no room in the buffer, or refused by the log for good. */
  dropped: number;
  /** Appends that failed; all but refused ones are tried again. */
  failures: number;
  pending: number;
};

export type IntakeOptions = {
  append: (batch: readonly NewEvent[]) => Promise<void>;
  /** An append waits for this many events, at most this long. */
  batchEvents?: number;
  batchMs?: number;
  /** Events held while the log is slow or away; more are dropped and counted. */
  bufferEvents?: number;
  onCounters?: (counters: Readonly<IntakeCounters>) => void;
  onError?: (error: LimenError) => void;
};

export type Intake = {
  /** Takes events in; false asks the caller to wait for `whenRoom` before the next. */
  offer(events: readonly NewEvent[]): boolean;
  /** Resolves once the buffer is half empty, or the log fails: then drops are counted instead. */
  whenRoom(): Promise<void>;
  counters(): Readonly<IntakeCounters>;
  /** Appends what is left, trying a last time, and stops. */
  close(): Promise<void>;
};

/** About 1 MB of decisions: a transaction of some milliseconds. */
const BATCH_EVENTS = 2_000;
/** Few enough commits for a slow disk, and little beside Envoy's own flush interval of 1 s. */
const BATCH_MS = 50;
/** About 30 MB; 10 s at 10,000 requests a second. */
const BUFFER_EVENTS = 100_000;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 2_000;

type State = Required<Omit<IntakeOptions, "onCounters" | "onError">> &
  Pick<IntakeOptions, "onCounters" | "onError"> & {
    buffer: NewEvent[];
    counts: Omit<IntakeCounters, "pending">;
    /** 0 while the log takes what it gets, else how long until the next try. */
    retryMs: number;
    timer: NodeJS.Timeout | undefined;
    running: Promise<void> | undefined;
    waiting: (() => void)[];
    closed: boolean;
  };

const countersOf = (state: State): IntakeCounters => ({
  ...state.counts,
  pending: state.buffer.length,
});
const isRoomy = (state: State): boolean =>
  state.retryMs > 0 || state.buffer.length <= state.bufferEvents / 2;

function wake(state: State): void {
  if (!isRoomy(state) && !state.closed) return;
  for (const resolve of state.waiting.splice(0)) resolve();
}

async function appendBatch(state: State): Promise<void> {
  const batch = state.buffer.slice(0, state.batchEvents);
  try {
    await state.append(batch);
    state.counts.appended += batch.length;
    state.retryMs = 0;
    state.buffer.splice(0, batch.length);
  } catch (thrown) {
    const error = LimenError.from(thrown, "appending to the event log");
    state.counts.failures++;
    state.onError?.(error);
    if (error.code === "input") {
      // The log will never take these: the next ones must not wait behind them.
      state.counts.dropped += batch.length;
      state.buffer.splice(0, batch.length);
    } else {
      state.retryMs = Math.min(Math.max(state.retryMs * 2, RETRY_FIRST_MS), RETRY_LAST_MS);
    }
  }
  state.onCounters?.(countersOf(state));
  wake(state);
}

/** Appends one batch after another, until the rest is small and may wait, or the log fails. */
async function drain(state: State): Promise<void> {
  state.timer = undefined;
  do await appendBatch(state);
  while (state.retryMs === 0 && state.buffer.length >= state.batchEvents);
  state.running = undefined;
  schedule(state);
}

function schedule(state: State): void {
  if (state.running || state.closed || state.buffer.length === 0) return;
  const isFull = state.buffer.length >= state.batchEvents && state.retryMs === 0;
  if (state.timer && !isFull) return;
  clearTimeout(state.timer);
  const run = (): void => {
    state.running = drain(state);
  };
  state.timer = setTimeout(run, isFull ? 0 : state.retryMs || state.batchMs);
}

function offer(state: State, events: readonly NewEvent[]): boolean {
  const room = state.closed ? 0 : state.bufferEvents - state.buffer.length;
  const taken = events.slice(0, Math.max(0, room));
  for (const event of taken) state.buffer.push(event);
  state.counts.accepted += taken.length;
  state.counts.dropped += events.length - taken.length;
  schedule(state);
  return isRoomy(state);
}

async function close(state: State): Promise<void> {
  state.closed = true;
  clearTimeout(state.timer);
  await state.running;
  state.retryMs = 0;
  while (state.buffer.length > 0 && state.retryMs === 0) await appendBatch(state);
  state.counts.dropped += state.buffer.length;
  state.buffer = [];
  wake(state);
}

/** The bounded buffer between streams of entries and the event log: batches, retries, counts. */
export function createIntake(options: IntakeOptions): Intake {
  const state: State = {
    batchEvents: BATCH_EVENTS,
    batchMs: BATCH_MS,
    bufferEvents: BUFFER_EVENTS,
    ...options,
    buffer: [],
    counts: { accepted: 0, appended: 0, dropped: 0, failures: 0 },
    retryMs: 0,
    timer: undefined,
    running: undefined,
    waiting: [],
    closed: false,
  };
  return {
    offer: (events) => offer(state, events),
    whenRoom: () =>
      isRoomy(state) ? Promise.resolve() : new Promise((resolve) => state.waiting.push(resolve)),
    counters: () => countersOf(state),
    close: () => close(state),
  };
}
