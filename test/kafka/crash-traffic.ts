// Requests through Envoys, and labels for them: in the response's header, and posted later.
import { setTimeout as sleep } from "node:timers/promises";
import { openRandom, type Random } from "../../control/demo/random.ts";
import { openTraffic } from "../../control/demo/traffic/generate.ts";
import type { DemoRequest } from "../../control/demo/traffic/request.ts";
import type { RunningEnvoy } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import type { RoleProcess } from "../support/roles.ts";
import type { Seen } from "../support/upstream.ts";

const BOT_SHARE = 0.3;
/** Of what is posted twice some contradicts itself. */
const SLIP_SHARE = 0.3;
const POST_EVERY_MS = 100;
const TRIES_MAX = 6;

/** Shares of the requests. */
export type Labelling = {
  header: number;
  post: number;
  twice: number;
  /** Longest time between an answer and its label. */
  delayMs: number;
};

type Posted = { due: number; body: object; tries: number };

export type Traffic = {
  /** Requests sent by Envoy, and how often each status came. */
  readonly sent: number;
  readonly statuses: ReadonlyMap<number, number>;
  /** Answered by the application that tagged requests go to. */
  readonly tagged: number;
  /** Values of `at` of the labels whose post was answered 2xx. */
  readonly acknowledged: readonly number[];
  /** Resolves when everything is answered; labels that nobody took are given up. */
  end(): Promise<void>;
};

type State = {
  labelling: Labelling;
  random: Random;
  collectors: readonly RoleProcess[];
  sent: number;
  tagged: number;
  statuses: Map<number, number>;
  waiting: Posted[];
  posting: Set<Promise<void>>;
  acknowledged: number[];
  lastAt: number;
  isOver: boolean;
};

const headerOf = (seen: Seen, name: string): string =>
  seen.headers.find(([own]) => own === name)?.[1] ?? "";

/** Each label has an `at` of its own, by which it is found in the log. */
function nextAt(state: State): number {
  state.lastAt = Math.max(state.lastAt + 1, Date.now());
  return state.lastAt;
}

function planLabels(state: State, seen: Seen, isBot: boolean): void {
  const { random, labelling } = state;
  if (!random.chance(labelling.post)) return;
  const [requestId, token] = [headerOf(seen, "x-request-id"), headerOf(seen, "x-limen-decision")];
  const name = token !== "" && random.chance(0.5) ? { token } : { requestId };
  const add = (label: boolean): void => {
    const due = performance.now() + random.below(labelling.delayMs);
    state.waiting.push({ due, body: { ...name, label, source: "desk" }, tries: 0 });
  };
  add(isBot);
  if (random.chance(labelling.twice)) add(random.chance(SLIP_SHARE) ? !isBot : isBot);
}

async function sendOne(state: State, port: number, request: DemoRequest): Promise<void> {
  const { bot } = request.truth;
  const label = state.random.chance(state.labelling.header)
    ? [["x-say-label", bot ? "1" : "0"]]
    : [];
  const headers = [...Object.entries(request.headers), ...(label as [string, string][])];
  state.sent++;
  const { status, body } = await ask(port, { method: request.method, path: request.path, headers });
  state.statuses.set(status, (state.statuses.get(status) ?? 0) + 1);
  if (status !== 200) return;
  const seen = JSON.parse(body) as Seen;
  if (seen.upstream === "bots") state.tagged++;
  planLabels(state, seen, bot);
}

/** Posts what is due in one body to one of the collectors; what fails is posted again later. */
async function postDue(state: State, all: boolean): Promise<void> {
  const now = performance.now();
  const due = state.waiting.filter((one) => all || one.due <= now);
  if (due.length === 0) return;
  state.waiting = state.waiting.filter((one) => !due.includes(one));
  const labels = due.map(({ body }) => ({ ...body, at: nextAt(state) }));
  const collector = state.collectors[state.random.below(state.collectors.length)];
  try {
    await collector?.post("/v1/labels", { labels });
    state.acknowledged.push(...labels.map(({ at }) => at));
  } catch {
    const again = due.filter(({ tries }) => tries < TRIES_MAX);
    for (const one of again) state.waiting.push({ ...one, due: now + 300, tries: one.tries + 1 });
  }
}

async function post(state: State): Promise<void> {
  while (!state.isOver || state.waiting.length > 0) {
    const posting = postDue(state, state.isOver);
    state.posting.add(posting);
    void posting.then(() => state.posting.delete(posting));
    await sleep(POST_EVERY_MS);
    if (state.isOver) await Promise.all(state.posting);
  }
  await Promise.all(state.posting);
}

export type TrafficOptions = {
  seed: number;
  envoys: readonly RunningEnvoy[];
  /** Where labels are posted. */
  collectors: readonly RoleProcess[];
  /** Of each Envoy. */
  requestsPerSecond: number;
  labelling: Labelling;
};

async function sendAll(state: State, options: TrafficOptions, index: number): Promise<void> {
  const { seed, envoys, requestsPerSecond } = options;
  const port = envoys[index]?.port ?? 0;
  const draw = openTraffic(seed + index, "live");
  const sending = new Set<Promise<void>>();
  while (!state.isOver) {
    const one = sendOne(state, port, draw({ botShare: BOT_SHARE }));
    sending.add(one);
    void one.finally(() => sending.delete(one));
    await sleep(1_000 / requestsPerSecond);
  }
  await Promise.all(sending);
}

/** Sends on through each Envoy at an even rate until `end`. */
export function startTraffic(options: TrafficOptions): Traffic {
  const { seed, envoys, collectors, labelling } = options;
  const state: State = {
    labelling,
    random: openRandom(seed),
    collectors,
    sent: 0,
    tagged: 0,
    statuses: new Map(),
    waiting: [],
    posting: new Set(),
    acknowledged: [],
    lastAt: 0,
    isOver: false,
  };
  const running = Promise.all([
    ...envoys.map((_, index) => sendAll(state, options, index)),
    post(state),
  ]);
  return {
    get sent() {
      return state.sent;
    },
    get tagged() {
      return state.tagged;
    },
    statuses: state.statuses,
    acknowledged: state.acknowledged,
    end: async () => {
      state.isOver = true;
      await running;
    },
  };
}
