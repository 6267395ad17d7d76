import { setTimeout as sleep } from "node:timers/promises";
import {
  cutOf,
  isSettled,
  playDoubled,
  playLearned,
  playOutage,
  playShadow,
  type Stage,
  waitUntil,
} from "./acts.ts";
import { openClient } from "./client.ts";
import { sayReport, sayWhatToTry } from "./closing.ts";
import { readCpuMs } from "./cpu.ts";
import { type Closers, openClosers } from "./folder.ts";
import { openLedger } from "./ledger.ts";
import { type DemoOptions, type Phase, type PhaseName, planPhases } from "./plan.ts";
import { listPushes } from "./pushes.ts";
import { openRandom } from "./random.ts";
import { buildResult, type DemoResult, type Measured } from "./result.ts";
import type { Screen } from "./screen.ts";
import { CONNECTIONS, sendStretch } from "./sender.ts";
import { readTableBytes, type Stand, startStand } from "./stand.ts";
import { formatCount, formatScore, formatShare } from "./text.ts";
import { openTraffic } from "./traffic/generate.ts";
import { startWatch } from "./watch.ts";

const READY_MS = 20_000;
const SCREEN_MS = 250;
/** Traffic while a person looks around. */
const IDLE_RATE = 20;
const IDLE_BOT_SHARE = 0.2;

function openStage(stand: Stand, options: DemoOptions, screen: Screen, signal: AbortSignal): Stage {
  const ledger = openLedger();
  return {
    ledger,
    screen,
    signal,
    control: stand.control,
    rate: options.rate,
    watch: startWatch(stand.control.server, ledger),
    traffic: {
      client: openClient(stand.proxy.url, CONNECTIONS),
      ledger,
      ids: openRandom(-1 - options.seed),
      draw: openTraffic(options.seed, "live"),
      count: 0,
    },
  };
}

/** The block below the lines: how far, which table, what it does. */
function describeNow(stage: Stage, total: number, started: number): string[] {
  const { ledger, watch } = stage;
  const { sent } = ledger;
  const status = watch.status();
  const cut = cutOf(status);
  const failed = sent.filter(({ ok }) => !ok).length;
  const rerouted = sent.filter(({ upstream }) => upstream === "robots").length;
  const rate = Math.round(sent.length / Math.max(1, (performance.now() - started) / 1000));
  const share = status?.models[0]?.share ?? null;
  const above = share === null ? "set by hand" : `learned, ${formatShare(share)} at or above it`;
  return [
    `  ${formatCount(sent.length)} of ${formatCount(total)} requests, ${rate}/s, ${failed} failed, ${formatCount(rerouted)} re-routed`,
    status
      ? `  table ${status.tableDigest} (serial ${status.serial}), cut ${formatScore(cut?.score ?? null)} ${above}`
      : "  control service: not there",
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

type Played = Pick<Measured, "hand" | "outage">;

async function playAll(stage: Stage, phases: readonly Phase[]): Promise<Played> {
  const phase = (name: PhaseName): Phase => phases.find((known) => known.name === name) as Phase;
  const hand = await playShadow(stage, phase("shadow"));
  await playLearned(stage, phase("learned"));
  await playDoubled(stage, phase("doubled"));
  const outage = await playOutage(stage, phase("outage"));
  return { hand, outage };
}

async function measure(
  stage: Stage,
  stand: Stand,
  options: DemoOptions,
  closers: Closers,
): Promise<DemoResult> {
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
    seed: options.seed,
    status: watch.status(),
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
    const traffic = { phase, requests, botShare: IDLE_BOT_SHARE, rate: IDLE_RATE, signal };
    await sendStretch(stage.traffic, traffic);
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
  report: (result: DemoResult) => void,
): Promise<void> {
  const closers = openClosers();
  const stopping = new AbortController();
  const own = AbortSignal.any([signal, stopping.signal]);
  try {
    planPhases(options.requests);
    const stand = await startStand(options, closers, own);
    const stage = openStage(stand, options, screen, own);
    screen.say(
      `limen demo: seed ${options.seed}, ${formatCount(options.requests)} requests, ${options.rate}/s, through Envoy ${stand.envoy.version} at ${stand.proxy.url.host}`,
    );
    const result = await measure(stage, stand, options, closers);
    sayReport(screen, result);
    report(result);
    if (!options.once) {
      sayWhatToTry(screen, stand);
      await idle(stage);
    }
  } finally {
    stopping.abort();
    await closers.closeAll();
  }
}
