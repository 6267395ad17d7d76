import type { History } from "../history/history.ts";
import type { OnScored } from "../learn/state.ts";
import { createNotifier } from "../notify/notifier.ts";
import { createPublisher } from "../publish.ts";
import { createScorer } from "../scorer.ts";
import type { Settings } from "../settings.ts";
import type { Resource } from "../xds/resource.ts";
import { watchDecision } from "./look.ts";
import { createTurns, lookOften, openState } from "./open.ts";
import { type Counting, countAllBins, resume, type State } from "./state.ts";

export type Deciding = {
  state: State;
  /** Changes happen one after another. */
  inTurn: ReturnType<typeof createTurns>;
  /** Hands out what is live, or publishes what changed since, then looks again and again. */
  start(): Promise<void>;
  /** Resolves when looking has ended: closed, or another process decides. */
  ended(): Promise<void>;
  close(): Promise<void>;
};

/** The part that works out cuts and publishes tables. One process at a time does that. */
export async function openDeciding(
  settings: Settings,
  parts: {
    history: History;
    openCounting: (onScored: OnScored) => Promise<Counting>;
    resourceOf: (table: Uint8Array) => Resource;
    /** Tells that another table is live. */
    send: () => void;
    say: (line: string) => void;
  },
): Promise<Deciding> {
  const { history, openCounting, resourceOf, send, say } = parts;
  const scorer = createScorer();
  const { opened, watcher } = await openState(settings, history, openCounting);
  const publisher = createPublisher({
    settings,
    models: opened.models,
    history,
    validate: scorer.load,
    counts: () => countAllBins(opened),
    resourceDigest: (bytes) => resourceOf(bytes).digest,
    now: Date.now,
    send,
  });
  const notifier = createNotifier({ hooks: settings.notify, now: Date.now, say });
  const tell: State["tell"] = (what, why, more) => {
    const tableDigest = publisher.live().digest;
    notifier.notify({ what, at: Date.now(), why, tableDigest, ...more });
  };
  const state: State = { ...opened, publisher, say, tell };
  watcher.watch = (digest, segment, bin) => watchDecision(state, digest, segment, bin);
  const inTurn = createTurns();
  const stop = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  return {
    state,
    inTurn,
    async start() {
      await inTurn(() => resume(state));
      const looking = lookOften(state, inTurn, stop.signal).finally(() => stop.abort());
      running = Promise.all([state.learner.run(stop.signal), looking]);
    },
    ended: () => running.then(() => undefined),
    async close() {
      stop.abort();
      await running;
      await notifier.close();
    },
  };
}
