/**
 * A stream under a certified objective, in simulated time: the arms are drawn here, everything that
 * decides a cut is the service's own code.
 */

import { openRandom, type Random } from "../../control/demo/random.ts";
import { chooseCut, type LearnedCuts, type LoadedModel } from "../../control/desired.ts";
import type { CohortHistogram } from "../../control/learn/alert.ts";
import type { Alarm } from "../../control/learn/certify/breaker.ts";
import type { CohortCount } from "../../control/learn/certify/epoch.ts";
import { cohortLength } from "../../control/learn/join/sources.ts";
import {
  certifyModel,
  type NumberedCohort,
  type Tracking,
  withdrawModel,
} from "../../control/service/certified.ts";
import { bookPushed, describeAlarm, noteScored } from "../../control/service/watching.ts";
import { checkModelSettings, type ModelSettings } from "../../control/settings.ts";
import { ARM_ACTED, ARM_AUDIT, ARM_FREE } from "../../models/decision.ts";
import { CUT_NONE } from "../../models/limits.ts";
import type { Request, Stream } from "./streams-data.ts";

export const OBJECTIVE = "fpr:0.01";
export const WINDOW_MS = 86_400_000;
const AUDIT = 0.02;
const COHORT_MS = cohortLength(WINDOW_MS, 1_000);
/** The stream begins here: a whole number of cohorts after 1970. */
const BEGIN = 400_000 * COHORT_MS;

/** A cut that was live, for the requests [from, to). */
export type Stretch = { from: number; to: number; cut: number };

export type OurRun = {
  /** 1 where the request was tagged: none of the audit slice is. */
  tagged: Uint8Array;
  stretches: Stretch[];
  labelsUsed: number;
  /** When alarms went off, milliseconds since the stream began, and what they say. */
  alarms: { at: number; text: string }[];
  /** When a cut was certified after none, milliseconds since the stream began. */
  certified: number[];
};

type Run = OurRun & {
  stream: Stream;
  model: LoadedModel;
  own: ModelSettings;
  random: Random;
  arms: Uint8Array;
  tracking: Tracking;
  learned: LearnedCuts;
  live: Readonly<Record<string, number>>;
  past: Record<string, string>;
  cohorts: Map<number, Map<string, Map<number, number>>>;
  closed: NumberedCohort[];
};

function startRun(stream: Stream, model: LoadedModel, seed: number): Run {
  return {
    ...{ stream, model, random: openRandom(seed) },
    own: checkModelSettings({ attack: { objective: OBJECTIVE }, mode: "tag" }, "streams"),
    tagged: new Uint8Array(stream.requests.length),
    arms: new Uint8Array(stream.requests.length),
    ...{ stretches: [], labelsUsed: 0, alarms: [], certified: [] },
    ...{ tracking: new Map(), learned: {}, live: {}, past: {} },
    ...{ cohorts: new Map(), closed: [] },
  };
}

function cutsOf({ stream, model, own }: Run, learned: LearnedCuts) {
  return (tag: string): Record<string, number> =>
    Object.fromEntries(
      stream.segments.map((name) => [name, chooseCut(model, own, name, tag, learned).bin]),
    );
}

const histograms = ({ cohorts }: Run): CohortHistogram[] =>
  [...cohorts].reverse().map(([cohort, segments]) => ({ cohort, segments }));

/** Makes cuts live, at a request, as a push does. */
function publish(run: Run, learned: LearnedCuts, place: number, now: number): void {
  const [before, after] = [cutsOf(run, run.learned), cutsOf(run, { ...run.learned, ...learned })];
  run.learned = { ...run.learned, ...learned };
  bookPushed(run.tracking, run.model.name, { before, after }, histograms(run), now);
  run.live = after("attack");
  // One cut for all: scope overall.
  const cut = run.live[run.stream.segments[0] ?? ""] ?? CUT_NONE;
  const last = run.stretches.at(-1);
  if ((last?.cut ?? CUT_NONE) === cut) return;
  if (last) last.to = place;
  if ((last?.cut ?? CUT_NONE) >= CUT_NONE) run.certified.push(now - BEGIN);
  run.stretches.push({ from: place, to: run.stream.requests.length, cut });
}

/** What a label says once W is over. */
function finalLabel({ at, label }: Request): CohortCount["label"] {
  if (!label || label.at > at + WINDOW_MS) return "unlabelled";
  return label.isAttack ? "positive" : "negative";
}

/** Cohorts whose window is over by `now`, into `closed`. */
function closeCohorts(run: Run, now: number): void {
  const done = run.closed.length;
  for (let number = done; BEGIN + (number + 1) * COHORT_MS + WINDOW_MS <= now; number++) {
    const counts = run.stream.requests.flatMap((request, place): CohortCount[] => {
      if (Math.floor(request.at / COHORT_MS) !== number) return [];
      const { segment, bin } = request;
      return [{ segment, bin, arm: run.arms[place] ?? 0, label: finalLabel(request), count: 1 }];
    });
    const from = BEGIN + number * COHORT_MS;
    run.closed.push({ cohort: from / COHORT_MS, from, counts });
    const [tracked] = run.tracking.values();
    if (from < (tracked?.epoch.began ?? 0)) continue;
    run.labelsUsed += counts.filter(
      ({ arm, label }) => arm === ARM_AUDIT && label !== "unlabelled",
    ).length;
  }
}

function look(run: Run, place: number, now: number): void {
  closeCohorts(run, now);
  const found = certifyModel(run.tracking, {
    ...{ model: run.model, own: run.own, learned: run.learned, past: run.past, now },
    segments: run.stream.segments,
    windowMs: WINDOW_MS,
    cohorts: histograms(run),
    closed: run.closed,
    live: cutsOf(run, run.learned),
  });
  Object.assign(run.past, found.epochs);
  if (Object.keys(found.learned).length > 0) publish(run, found.learned, place, now);
}

/** What an alarm says, and how much of what it counted as tagged was attacks, by truth. */
function explainAlarm(run: Run, place: number, alarm: Alarm): string {
  const own = run.stream.requests
    .slice(0, place + 1)
    .filter(({ segment }) => alarm.segment === null || segment === alarm.segment);
  const tagged = own
    .slice(-alarm.decisions)
    .filter(({ segment, bin }) => bin >= (run.live[segment] ?? CUT_NONE));
  const attacks = tagged.filter(({ isAttack }) => isAttack).length;
  return `${describeAlarm(alarm)}; ${attacks} of these ${tagged.length} were attacks`;
}

function withdraw(run: Run, place: number, now: number, text: string): void {
  const { segments } = run.stream;
  const { learned, epochs } = withdrawModel(run.tracking, run.model, run.own, segments, now);
  Object.assign(run.past, epochs);
  run.alarms.push({ at: now - BEGIN, text });
  publish(run, learned, place + 1, now);
}

function count(run: Run, { at, segment, bin }: Request): void {
  const number = BEGIN / COHORT_MS + Math.floor(at / COHORT_MS);
  const segments = run.cohorts.get(number) ?? new Map<string, Map<number, number>>();
  run.cohorts.set(number, segments);
  const bins = segments.get(segment) ?? new Map<number, number>();
  segments.set(segment, bins);
  bins.set(bin, (bins.get(bin) ?? 0) + 1);
}

/** As the filter draws: everything is audited while nothing tags. */
function drawArm({ random }: Run, bin: number, cut: number): number {
  if (cut >= CUT_NONE || random.chance(AUDIT)) return ARM_AUDIT;
  return bin >= cut ? ARM_ACTED : ARM_FREE;
}

/** One seed of the audit draw. Looks fall on the ends of cohorts, when there is something new. */
export function replayOurs(stream: Stream, model: LoadedModel, seed: number): OurRun {
  const run = startRun(stream, model, seed);
  let next = 0;
  for (const [place, request] of stream.requests.entries()) {
    for (; next <= request.at; next += COHORT_MS) look(run, place, BEGIN + next);
    const { segment, bin } = request;
    const arm = drawArm(run, bin, run.live[segment] ?? CUT_NONE);
    run.arms[place] = arm;
    run.tagged[place] = Number(arm === ARM_ACTED);
    count(run, request);
    const found = noteScored(run.tracking, model.name, segment, bin);
    if (found) withdraw(run, place, BEGIN + request.at, explainAlarm(run, place, found.alarm));
  }
  const { tagged, stretches, labelsUsed, alarms, certified } = run;
  return { tagged, stretches, labelsUsed, alarms, certified };
}
