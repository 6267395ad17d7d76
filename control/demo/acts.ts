import { setTimeout as sleep } from "node:timers/promises";
import type { CutView, StatusView } from "../api/views.ts";
import { callService } from "../cli/client.ts";
import { LimenError } from "../errors.ts";
import type { Control } from "./control.ts";
import { judgeDecisions, type Ledger } from "./ledger.ts";
import { HAND_CUT, OBJECTIVE, OUTAGE_SECONDS, type Phase } from "./plan.ts";
import { compareCuts } from "./report.ts";
import type { Screen } from "./screen.ts";
import { sendStretch, type Traffic } from "./sender.ts";
import { formatCount, formatHand, formatMs, formatScore, formatShare } from "./text.ts";
import type { Watch } from "./watch.ts";

export type Stage = {
  traffic: Traffic;
  ledger: Ledger;
  watch: Watch;
  control: Control;
  screen: Screen;
  rate: number;
  signal: AbortSignal;
};

export type Outage = { requests: number; failed: number; seconds: number };

const WAIT_POLL_MS = 20;
const LEARN_MS = 30_000;
const CATCH_UP_MS = 10_000;

/** Waits for a fact; throws "unavailable" with what was waited for. */
export async function waitUntil(
  fact: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await fact())) {
    signal.throwIfAborted();
    if (performance.now() > until) {
      throw new LimenError(
        "unavailable",
        `demo: ${what} did not happen within ${formatMs(timeoutMs)}`,
      );
    }
    await sleep(WAIT_POLL_MS);
  }
}

/** The cut of the first segment, which with scope overall is the cut of all. */
export function cutOf(status: StatusView | null): CutView | null {
  return status?.models[0]?.segments[0]?.cuts["bot"] ?? null;
}

/** Whether every connected proxy runs what control wants it to run. */
export function isSettled(status: StatusView | null): boolean {
  const proxies = status?.proxies.filter(({ connected }) => connected) ?? [];
  return proxies.length > 0 && proxies.every(({ acked }) => acked === status?.resourceDigest);
}

const apply = (stage: Stage, set: Record<string, string | number>): Promise<unknown> =>
  callService(stage.control.server, "/v1/apply", { set, by: "demo" });

/** Waits until the log holds nearly all that was sent; what Envoy lost is never coming. */
async function catchUp(stage: Stage): Promise<void> {
  const { watch, ledger, signal } = stage;
  const lost = (): number => watch.status()?.log.lost ?? 0;
  const until = performance.now() + CATCH_UP_MS;
  do {
    await sleep(200, undefined, { signal });
    await watch.catchUp();
  } while (ledger.decisions.length + lost() < ledger.sent.length && performance.now() < until);
}

const stretch = (stage: Stage, phase: Phase): Promise<void> =>
  sendStretch(stage.traffic, {
    phase: phase.name,
    requests: phase.requests,
    botShare: phase.botShare,
    rate: stage.rate,
    signal: stage.signal,
  });

/** Act 1: nothing is tagged; what the hand-set cut would tag. Gives that cut. */
export async function playShadow(stage: Stage, phase: Phase): Promise<CutView> {
  const { screen, watch, ledger } = stage;
  screen.say("");
  screen.say(
    `1 Shadow: ${formatCount(phase.requests)} requests, 10% of them bots; nothing is tagged.`,
  );
  const hand = cutOf(watch.status());
  if (!hand) throw new LimenError("internal", "demo: the control service shows no cut for bot");
  await stretch(stage, phase);
  await catchUp(stage);
  screen.say(`  What the hand-set cut ${HAND_CUT} would tag:`);
  for (const line of formatHand(compareCuts(judgeDecisions(ledger), hand))) screen.say(`  ${line}`);
  return hand;
}

/** Learns in shadow first, so that nothing is ever tagged by the hand-set cut. */
async function switchToLearned(stage: Stage): Promise<void> {
  const { watch, screen, signal } = stage;
  const learned = (): boolean =>
    cutOf(watch.status())?.source === "learned" && isSettled(watch.status());
  await apply(stage, { "bot.bot.objective": `alert:${OBJECTIVE}` });
  await waitUntil(learned, LEARN_MS, "a learned cut", signal);
  const proxy = watch.status()?.proxies[0];
  const cut = formatScore(cutOf(watch.status())?.score ?? null);
  screen.say(`  Learned cut ${cut}, pushed and ACKed in ${formatMs(proxy?.lastAckMs ?? null)}.`);
  await apply(stage, { "bot.mode": "tag" });
  await waitUntil(
    () => watch.status()?.models[0]?.segments[0]?.mode === "tag" && isSettled(watch.status()),
    LEARN_MS,
    "tagging",
    signal,
  );
  screen.say('  Tagging is on: Envoy routes what is tagged to the upstream "robots".');
}

/** Act 2: the learned cut, then tags. */
export async function playLearned(stage: Stage, phase: Phase): Promise<void> {
  stage.screen.say("");
  stage.screen.say(
    `2 Learn: objective alert:${OBJECTIVE}, the cut that ${formatShare(OBJECTIVE)} of decisions reach. No labels needed.`,
  );
  await Promise.all([stretch(stage, phase), switchToLearned(stage)]);
  await catchUp(stage);
}

/** Act 3: twice the bots; the cut follows. */
export async function playDoubled(stage: Stage, phase: Phase): Promise<void> {
  const { screen, watch } = stage;
  const before = cutOf(watch.status())?.score ?? null;
  screen.say("");
  screen.say(
    `3 Twice the bots: 20% of the requests. The cut has to rise to hold ${formatShare(OBJECTIVE)}.`,
  );
  await stretch(stage, phase);
  await catchUp(stage);
  const after = cutOf(watch.status())?.score ?? null;
  screen.say(`  Cut ${formatScore(before)} -> ${formatScore(after)}.`);
}

async function breakControl(stage: Stage): Promise<Outage> {
  const { control, ledger, screen, watch, signal } = stage;
  const first = ledger.sent.length;
  const started = performance.now();
  await control.kill();
  await sleep(OUTAGE_SECONDS * 1000, undefined, { signal });
  await control.restart(signal);
  await waitUntil(() => isSettled(watch.status()), LEARN_MS, "the proxy's return", signal);
  const seconds = (performance.now() - started) / 1000;
  const during = ledger.sent.slice(first);
  const failed = during.filter(({ ok }) => !ok).length;
  const tagged = during.filter(({ tag }) => tag !== null).length;
  screen.say(
    `  Back after ${seconds.toFixed(1)} s: ${formatCount(during.length)} requests meanwhile, ${failed} failed, ${formatCount(tagged)} tagged by the table Envoy kept.`,
  );
  return { requests: during.length, failed, seconds };
}

/** Act 4: control is killed and comes back; the traffic does not notice. */
export async function playOutage(stage: Stage, phase: Phase): Promise<Outage> {
  const { screen, watch } = stage;
  screen.say("");
  screen.say(
    `4 Outage: the control service is killed (-9) for ${OUTAGE_SECONDS} s. Requests go on.`,
  );
  const [outage] = await Promise.all([breakControl(stage), stretch(stage, phase)]);
  await catchUp(stage);
  const lost = watch.status()?.log.lost ?? 0;
  screen.say(
    `  Decision records lost meanwhile: ${formatCount(lost)}, counted by gaps in their numbers.`,
  );
  return outage;
}
