import { setTimeout as sleep } from "node:timers/promises";
import type { HookSettings } from "../settings-notify.ts";
import { attemptPost, type Outcome } from "./attempt.ts";
import type { Message } from "./message.ts";
import { isDelivered, planRetry, TIMEOUT_MS } from "./retry.ts";

/** Messages that wait for a hook, without the one under way. */
export const MAX_WAITING = 100;
/** What is left at the end is sent for so long. */
export const CLOSE_MS = 5_000;

export type HookCounters = { sent: number; failed: number; dropped: number; pending: number };

/** One receiver with its queue. */
export type Hook = {
  /** Scheme and host: the rest of a URL is often a secret by itself. */
  to: string;
  wants(message: Message): boolean;
  add(message: Message): void;
  counters(): HookCounters;
  close(): Promise<void>;
};

export type HookParts = {
  settings: HookSettings;
  key: Buffer | null;
  /** Milliseconds since 1970. */
  now: () => number;
  say: (line: string) => void;
  /** In [0, 1). */
  random: () => number;
  /** Resolves after `ms`, or rejects when the signal fires. */
  wait: (ms: number, signal: AbortSignal) => Promise<void>;
  timeoutMs: number;
  closeMs: number;
};

export const HOOK_DEFAULTS = {
  random: Math.random,
  wait: (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }),
  timeoutMs: TIMEOUT_MS,
  closeMs: CLOSE_MS,
};

type Delivery = { outcome: Outcome; attempts: number };

/**
 * Tries a message until it is delivered, refused, or out of retries. Once `hurry` fires a wait
 * ends early, and the attempt after it is the last one.
 */
async function deliver(
  parts: HookParts,
  message: Message,
  { hurry, stop }: { hurry: AbortSignal; stop: AbortSignal },
): Promise<Delivery> {
  let waitedMs = 0;
  for (let retries = 0; ; retries++) {
    const last = hurry.aborted;
    const outcome = await attemptPost({
      url: parts.settings.url,
      key: parts.key,
      message,
      timestampS: Math.floor(parts.now() / 1_000),
      signal: AbortSignal.any([AbortSignal.timeout(parts.timeoutMs), stop]),
    });
    const done: Delivery = { outcome, attempts: retries + 1 };
    if (last || isDelivered(outcome)) return done;
    const waitMs = planRetry(outcome, { retries, waitedMs, random: parts.random() });
    if (waitMs === null) return done;
    await parts.wait(waitMs, hurry).catch(() => {});
    waitedMs += waitMs;
  }
}

const describe = (outcome: Outcome): string =>
  outcome.status === null ? outcome.fault : `HTTP ${outcome.status}`;

/** Starts a hook. One message at a time is under way, so that their order is kept. */
export function startHook(parts: HookParts): Hook {
  const { settings, say } = parts;
  const to = new URL(settings.url).origin;
  const waiting: Message[] = [];
  const counters = { sent: 0, failed: 0, dropped: 0 };
  const hurry = new AbortController();
  const stop = new AbortController();
  let running: Promise<void> | null = null;
  let isFull = false;

  function book(message: Message, { outcome, attempts }: Delivery): void {
    if (isDelivered(outcome)) {
      counters.sent++;
      isFull = false;
      return;
    }
    counters.failed++;
    const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
    say(`notify ${to}: ${message.what} not delivered after ${tries}: ${describe(outcome)}`);
  }

  async function drain(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      book(next, await deliver(parts, next, { hurry: hurry.signal, stop: stop.signal }));
    }
    running = null;
  }

  function dropOldest(): void {
    waiting.shift();
    counters.dropped++;
    // Once for a stretch without a delivery: a line for each would fill the log.
    if (!isFull) say(`notify ${to}: ${MAX_WAITING} messages wait; the oldest are dropped`);
    isFull = true;
  }

  async function finish(): Promise<void> {
    hurry.abort();
    const timer = setTimeout(() => {
      counters.dropped += waiting.length;
      if (waiting.length > 0) say(`notify ${to}: ${waiting.length} messages dropped at the end`);
      waiting.length = 0;
      stop.abort(new Error("stopped at the end"));
    }, parts.closeMs);
    await running;
    clearTimeout(timer);
  }
  let finished: Promise<void> | null = null;

  return {
    to,
    wants: ({ what }) => settings.on.includes(what),
    add(message) {
      if (finished) {
        counters.dropped++;
        return;
      }
      if (waiting.length >= MAX_WAITING) dropOldest();
      waiting.push(message);
      running ??= drain();
    },
    counters: () => ({ ...counters, pending: waiting.length + (running ? 1 : 0) }),
    close() {
      finished ??= finish();
      return finished;
    },
  };
}
