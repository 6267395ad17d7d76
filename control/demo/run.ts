import { setTimeout as sleep } from "node:timers/promises";
import type { CutView } from "../api/views.ts";
import { loadModel } from "../table/load-model.ts";
import { binOfScore } from "../table/score-scale.ts";
import {
  type Outage,
  playLabels,
  playRelease,
  playShadow,
  type Stage,
  sayCertified,
  sayEvent,
  waitUntil,
} from "./acts.ts";
import { openClient } from "./client.ts";
import { sayReport, sayWhatToTry } from "./closing.ts";
import { readCpuMs } from "./cpu.ts";
import { type Closers, openClosers } from "./folder.ts";
import { cutOf, isSettled, openLedger } from "./ledger.ts";
import {
  BOT_SHARE,
  type DemoOptions,
  HAND_CUT,
  type Phase,
  type PhaseName,
  planPhases,
} from "./plan.ts";
import type { Points } from "./points.ts";
import { listPushes } from "./pushes.ts";
import { openRandom } from "./random.ts";
import { buildResult, type DemoResult } from "./result.ts";
import type { Screen } from "./screen.ts";
import { CONNECTIONS, sendStretch } from "./sender.ts";
import { MODEL, readTableBytes, type Stand, startStand } from "./stand.ts";
import { formatCount, formatScore } from "./text.ts";
import { openTraffic } from "./traffic/generate.ts";
import { ROUTES } from "./traffic/request.ts";
import { openTruths, type Truths } from "./truth.ts";
import { startWatch } from "./watch.ts";

const READY_MS = 20_000;
const SCREEN_MS = 250;
/** Traffic while a person looks around. */
const IDLE_RATE = 20;
/** Streams of random numbers beside the traffic's own, whose seeds are not negative. */
const ID_STREAM = -1;
const LABEL_STREAM = -1_000_000_001;

async function readHandCut(): Promise<CutView> {
  const { score } = await loadModel(MODEL);
  return { score: HAND_CUT, bin: binOfScore(score, HAND_CUT), source: "hand" };
}

type Parts = { stand: Stand; options: DemoOptions; truths: Truths; hand: CutView };

function openStage(
  { stand, options, truths, hand }: Parts,
  screen: Screen,
  signal: AbortSignal,
): Stage {
  const ledger = openLedger();
  const stage: Stage = {
    ledger,
    screen,
    signal,
    hand,
    control: stand.control,
    rate: options.rate,
    watch: startWatch(stand.control.server, ledger, {
      certified: (found) => sayCertified(stage, found),
      event: (event) => sayEvent(stage, event),
    }),
    traffic: {
      client: openClient(stand.proxy.url, CONNECTIONS),
      ledger,
      truths,
      ids: openRandom(ID_STREAM - options.seed),
      draw: openTraffic(options.seed, "live"),
      count: 0,
    },
  };
  return stage;
}

/** The route that is furthest from being certified; nothing when all are. */
function describeWaiting(stage: Stage): string {
  const waiting = ROUTES.flatMap((route) => {
    const certificate = cutOf(stage.watch.status(), route)?.certificate;
    return certificate && !certificate.certified ? [{ route, ...certificate }] : [];
  });
  const last = waiting.sort((a, b) => a.n - b.n)[0];
  return last ? `; ${last.route}: ${last.reason}` : "";
}

/** The block below the lines: how far, which table, and where each route stands. */
function describeNow(stage: Stage, total: number, started: number): string[] {
  const { ledger, watch } = stage;
  const { sent } = ledger;
  const status = watch.status();
  const failed = sent.filter(({ ok }) => !ok).length;
  const rerouted = sent.filter(({ upstream }) => upstream === "robots").length;
  const rate = Math.round(sent.length / Math.max(1, (performance.now() - started) / 1000));
  const routes = ROUTES.map((route) => {
    const cut = cutOf(status, route);
    const reason = cut?.certificate?.reason ?? "";
    return `  ${route.padEnd(9)} cut ${formatScore(cut?.score ?? null).padEnd(6)}  ${reason}`;
  });
  return [
    `  ${formatCount(sent.length)} of ${formatCount(total)} requests, ${rate}/s, ${failed} failed, ${formatCount(rerouted)} re-routed${describeWaiting(stage)}`,
    ...(status
      ? [`  table ${status.tableDigest} (serial ${status.serial})`, ...routes]
      : ["  control service: not there"]),
  ];
}

function startBlock(stage: Stage, total: number): () => void {
  const started = performance.now();
  const timer = setInterval(() => {
    stage.screen.show(describeNow(stage, total, started));
  }, SCREEN_MS);
  return () => {
    clearInterval(timer);
    stage.screen.clear();
  };
}

type Played = { outage: Outage | null; uncertifiable: string | null };

async function playAll(stage: Stage, phases: readonly Phase[]): Promise<Played> {
  const phase = (name: PhaseName): Phase => phases.find((known) => known.name === name) as Phase;
  await playShadow(stage, phase("shadow"));
  const uncertifiable = await playLabels(stage, phase("labels"), phase("tag"));
  if (uncertifiable !== null) return { outage: null, uncertifiable };
  return { outage: await playRelease(stage, phase("release")), uncertifiable };
}

type Measured = { result: DemoResult; points: Points };

async function measure(
  stage: Stage,
  stand: Stand,
  options: DemoOptions,
  closers: Closers,
): Promise<Measured> {
  const started = performance.now();
  const phases = planPhases(options.requests);
  closers.add(stage.watch.stop);
  closers.add(stage.traffic.client.close);
  await waitUntil(() => isSettled(stage.watch.status()), READY_MS, "the first table", stage.signal);
  const stopBlock = startBlock(stage, options.requests);
  closers.add(stopBlock);
  const cpuBefore = readCpuMs(stand.proxy.child.pid);
  const played = await playAll(stage, phases);
  const cpuAfter = readCpuMs(stand.proxy.child.pid);
  stopBlock();
  const { ledger, watch } = stage;
  const cpuMs = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
  return buildResult(ledger, {
    ...played,
    hand: stage.hand,
    seed: options.seed,
    status: watch.status(),
    events: watch.history(),
    pushes: listPushes(watch.history(), ledger.cuts),
    cpuUsPerRequest: cpuMs === null ? null : Math.round((cpuMs * 1000) / ledger.sent.length),
    envoy: stand.envoy.version,
    filterBytes: stand.wasmBytes,
    tableBytes: await readTableBytes(stand.proxy.adminUrl),
    seconds: Math.round((performance.now() - started) / 100) / 10,
  });
}

/** Light traffic until somebody ends the demo. */
async function idle(stage: Stage): Promise<void> {
  const { signal } = stage;
  while (!signal.aborted) {
    const [phase, requests] = ["idle", IDLE_RATE * 10] as const;
    stage.ledger.sent.length = 0;
    stage.ledger.decisions.length = 0;
    const mix = { botShare: BOT_SHARE, isReleased: true };
    await sendStretch(stage.traffic, { phase, requests, mix, rate: IDLE_RATE, signal });
    await sleep(1, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * The whole arrow on a real Envoy. Hands over the report; with `once` unset it then stays up until
 * the signal. Everything it started is stopped when it returns or throws.
 */
export async function runDemo(
  options: DemoOptions,
  screen: Screen,
  signal: AbortSignal,
  report: (measured: Measured) => void,
): Promise<void> {
  const closers = openClosers();
  const stopping = new AbortController();
  const own = AbortSignal.any([signal, stopping.signal]);
  try {
    planPhases(options.requests);
    const { labelMissing: missing, labelNoise: noise } = options;
    const truths = openTruths(openRandom(LABEL_STREAM - options.seed), { missing, noise });
    const hand = await readHandCut();
    const stand = await startStand(options, truths.take, closers, screen.say, own);
    const stage = openStage({ stand, options, truths, hand }, screen, own);
    screen.say(
      `limen demo: seed ${options.seed}, ${formatCount(options.requests)} requests, ${options.rate}/s, through Envoy ${stand.envoy.version} at ${stand.proxy.url.host}`,
    );
    const measured = await measure(stage, stand, options, closers);
    sayReport(screen, measured.result);
    report(measured);
    if (!options.once && measured.result.uncertifiable === null) {
      sayWhatToTry(screen, stand);
      await idle(stage);
    }
  } finally {
    stopping.abort();
    await closers.closeAll();
  }
}
