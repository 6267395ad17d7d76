import { setTimeout as sleep } from "node:timers/promises";
import type { CutView, HistoryView } from "../api/views.ts";
import { callService } from "../cli/client.ts";
import { LimenError } from "../errors.ts";
import type { Control } from "./control.ts";
import { type Certified, cutOf, isSettled, judgeDecisions, type Ledger } from "./ledger.ts";
import { BOT_SHARE, HAND_CUT, OUTAGE_SECONDS, type Phase } from "./plan.ts";
import type { Screen } from "./screen.ts";
import { sendStretch, type Traffic } from "./sender.ts";
import { formatCertified, formatCount, formatHand, formatMs } from "./text.ts";
import { countUntil, findRelease, listUncertified } from "./timeline.ts";
import { ROUTES } from "./traffic/request.ts";
import type { Watch } from "./watch.ts";

export type Stage = {
  traffic: Traffic;
  ledger: Ledger;
  watch: Watch;
  control: Control;
  screen: Screen;
  hand: CutView;
  rate: number;
  signal: AbortSignal;
};

export type Outage = { requests: number; failed: number; seconds: number };

const WAIT_POLL_MS = 20;
const PUSH_MS = 30_000;
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
    mix: { botShare: BOT_SHARE, isReleased: phase.name === "release" },
    rate: stage.rate,
    signal: stage.signal,
  });

/** Says a certificate when it is first seen. */
export function sayCertified(stage: Stage, found: Certified): void {
  stage.screen.say(`  ${formatCertified(found, stage.ledger.decisions.length)}`);
}

/** Says an alarm when it is first read. */
export function sayEvent(stage: Stage, { what, why, at }: HistoryView): void {
  if (what !== "alarm") return;
  const { screen, ledger } = stage;
  const judged = judgeDecisions(ledger);
  const after = countUntil(judged, findRelease(judged), at);
  screen.say(`  ALARM, ${formatCount(after)} decisions after the release. ${why}.`);
  screen.say("  Every route's cut is none now: nobody is tagged while it learns anew.");
}

/** Act 1: nothing is tagged; what the hand-set cut would tag. */
export async function playShadow(stage: Stage, phase: Phase): Promise<void> {
  const { screen, ledger, hand } = stage;
  screen.say("");
  screen.say(
    `1 Shadow: ${formatCount(phase.requests)} requests, 10% of them bots; nothing is tagged.`,
  );
  await stretch(stage, phase);
  await catchUp(stage);
  screen.say(`  A cut of ${HAND_CUT}, set by hand, would tag:`);
  for (const line of formatHand(judgeDecisions(ledger), hand)) screen.say(`  ${line}`);
}

const REASON_OF_HOLES = /audit slice is labelled/;

/** Why the labels can certify nothing: too many requests have none. Null when they can. */
function findHoles({ watch }: Stage): string | null {
  const reasons = ROUTES.flatMap((route) => {
    const certificate = cutOf(watch.status(), route)?.certificate;
    const isHole =
      certificate && !certificate.certified && REASON_OF_HOLES.test(certificate.reason);
    return isHole ? [`${route}: ${certificate.reason}`] : [];
  });
  return reasons.length > 0 ? reasons.join("; ") : null;
}

/** Act 2: labels arrive, cuts are certified and pushed, then tags. Gives why it cannot go on. */
export async function playLabels(stage: Stage, phase: Phase, tag: Phase): Promise<string | null> {
  const { screen, watch, signal } = stage;
  screen.say("");
  for (const line of [
    "2 Labels: the shop's own checks find out which requests were bots and say so in a response",
    "  header. A route gets a cut once it is certified: fpr:0.01, at most 1% of people tagged, with",
    "  90% confidence for all four routes at once. That takes 455 people without one false positive.",
  ]) {
    screen.say(line);
  }
  await stretch(stage, phase);
  const holes = findHoles(stage);
  if (holes !== null) return holes;
  await apply(stage, { "bot.mode": "tag" });
  const isTagging = (): boolean =>
    watch.status()?.models[0]?.segments.some(({ mode }) => mode === "tag") === true &&
    isSettled(watch.status());
  await waitUntil(isTagging, PUSH_MS, "tagging", signal);
  screen.say('  Tagging is on: Envoy routes what is tagged to the upstream "robots".');
  await stretch(stage, tag);
  await catchUp(stage);
  return null;
}

async function breakControl(stage: Stage): Promise<Outage> {
  const { control, ledger, screen, watch, signal } = stage;
  const table = watch.status()?.tableDigest;
  const first = ledger.sent.length;
  const started = performance.now();
  screen.say("");
  screen.say(
    `4 Outage: the control service is killed (-9) for ${OUTAGE_SECONDS} s. Requests go on.`,
  );
  await control.kill();
  await sleep(OUTAGE_SECONDS * 1000, undefined, { signal });
  await control.restart(signal);
  const isBack = (): boolean => isSettled(watch.status());
  await waitUntil(isBack, PUSH_MS, "the proxy's return", signal);
  const seconds = (performance.now() - started) / 1000;
  const during = ledger.sent.slice(first);
  const failed = during.filter(({ ok }) => !ok).length;
  const tagged = during.filter(({ tag }) => tag !== null).length;
  const same = watch.status()?.tableDigest === table ? "the same table is served" : "a new table";
  screen.say(
    `  Back after ${seconds.toFixed(1)} s: ${formatCount(during.length)} requests meanwhile, ${failed} failed, ${formatCount(tagged)} tagged by the table Envoy kept; ${same}.`,
  );
  return { requests: during.length, failed, seconds };
}

/** Requests an outage and the return from it take, and some for the end. */
const OUTAGE_ROOM_SECONDS = OUTAGE_SECONDS + 4;

/** Act 4 begins when every route is certified again, or when there is only just room for it. */
async function waitForOutage(stage: Stage, last: number): Promise<void> {
  const { ledger, rate, signal } = stage;
  const again = (): boolean =>
    listUncertified(ledger.certified, ({ cause }) => cause === "alarm").length === 0;
  while (!again() && ledger.sent.length < last - OUTAGE_ROOM_SECONDS * rate) {
    await sleep(WAIT_POLL_MS, undefined, { signal });
  }
  if (again()) stage.screen.say("  Every route is certified again.");
}

/** Acts 3 and 4: the release, the alarm, the way back; then the outage. */
export async function playRelease(stage: Stage, phase: Phase): Promise<Outage> {
  const { screen, watch, ledger } = stage;
  screen.say("");
  for (const line of [
    "3 Release: the shop ships a new front end. 80% script calls, a token instead of the cookie, no",
    "  referer: people look more like scripts. Bots stay as they were.",
  ]) {
    screen.say(line);
  }
  const last = ledger.sent.length + phase.requests;
  const rest = waitForOutage(stage, last).then(() => breakControl(stage));
  const [outage] = await Promise.all([rest, stretch(stage, phase)]);
  await catchUp(stage);
  const lost = watch.status()?.log.lost ?? 0;
  screen.say(
    `  Decision records lost meanwhile: ${formatCount(lost)}, counted by gaps in their numbers.`,
  );
  return outage;
}
