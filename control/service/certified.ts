import { createHash } from "node:crypto";
import * as limit from "../../models/limits.ts";
import {
  type LearnedCuts,
  type LoadedModel,
  modeOf,
  objectiveOf,
  scopeOf,
  segmentTag,
} from "../desired.ts";
import type { CohortHistogram } from "../learn/alert.ts";
import type { Breaker } from "../learn/certify/breaker.ts";
import {
  addCohort,
  type ClosedCohort,
  continueEpoch,
  type Epoch,
  type EpochIdentity,
  openEpoch,
  restartEpoch,
} from "../learn/certify/epoch.ts";
import type { Certificate } from "../learn/certify/walk.ts";
import { parseObjective } from "../learn/objective.ts";
import type { ModelSettings } from "../settings.ts";
import { type CertifySettings, certifyTag } from "./certifying.ts";
import { groupByObjective } from "./learning.ts";
import { watchShares } from "./watching.ts";

/** A closed cohort of a model, with its number. */
export type NumberedCohort = ClosedCohort & { cohort: number };

/** One certified objective of a tag: its epoch, and what it has certified. */
export type Tracked = {
  model: string;
  tag: string;
  settings: CertifySettings;
  epoch: Epoch;
  /** Number of the newest cohort in the epoch's counts; -1 before the first. */
  counted: number;
  /** Lowest cut this epoch has certified and pushed, by segment. */
  frontier: Record<string, number>;
  lastLowered: number | null;
  certificates: Readonly<Record<string, Certificate>>;
  breaker: Breaker | null;
  /** Live bins by segment, for the breaker: asked once a decision, worked out once a push. */
  live: Readonly<Record<string, number>>;
};
/** By MODEL/TAG/OBJECTIVE. */
export type Tracking = Map<string, Tracked>;

const CONFIDENCE = 0.9;

type Facts = {
  model: LoadedModel;
  own: ModelSettings;
  segments: readonly string[];
  learned: LearnedCuts;
  /** W, milliseconds. */
  windowMs: number;
  /** Recorded decisions over all arms, newest cohort first. */
  cohorts: readonly CohortHistogram[];
  /** Cohorts whose labels are final, oldest first. */
  closed: readonly NumberedCohort[];
  /** Epochs as the history has them. */
  past: Readonly<Record<string, string>>;
  live: (tag: string) => Readonly<Record<string, number>>;
  now: number;
};

export type CertifiedLook = {
  learned: LearnedCuts;
  why: string[];
  waiting: string[];
  /** Epochs that began with this look, as JSON by key. */
  epochs: Record<string, string>;
};

const writeEpoch = ({ began, cause, identity }: Epoch): string =>
  JSON.stringify({ began, cause, identity });

function readEpoch(text: string | undefined): Epoch | null {
  if (text === undefined) return null;
  const { began, cause, identity } = JSON.parse(text) as Epoch;
  return { began, cause, identity, segments: {} };
}

function settingsOf(facts: Facts, tag: string, rate: number, segments: readonly string[]) {
  const chosen = segmentTag(facts.own, segments[0] ?? "rest", tag);
  return {
    rate,
    confidence: chosen.confidence ?? CONFIDENCE,
    simultaneous: chosen.simultaneous ?? false,
    otherwise: chosen.otherwise ?? ("none" as const),
    scope: scopeOf(facts.own, tag),
    windowMs: facts.windowMs,
    // A segment where the model is off records no bins and would wait for ever.
    segments: segments.filter((name) => modeOf(facts.own, name) !== "off"),
  };
}

function identityOf(facts: Facts, text: string, settings: CertifySettings): EpochIdentity {
  const { confidence, simultaneous, scope, segments } = settings;
  return {
    modelDigest: facts.model.digest,
    windowMs: facts.windowMs,
    segments: createHash("sha256").update(JSON.stringify(segments)).digest("hex").slice(0, 16),
    objective: `${text} ${confidence} ${scope}${simultaneous ? " simultaneous" : ""}`,
  };
}

const isSame = (a: EpochIdentity, b: EpochIdentity): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** The epoch that goes on: this process's, the history's, or a new one. */
function openTracked(
  facts: Facts,
  tag: string,
  settings: CertifySettings,
  identity: EpochIdentity,
  past: Epoch | null,
): Tracked {
  const goesOn = past !== null && isSame(past.identity, identity);
  const epoch = past
    ? continueEpoch(past, identity, facts.now)
    : openEpoch(identity, facts.now, "first");
  const live = facts.live(tag);
  const reached = settings.segments
    .map((name): [string, number] => [name, live[name] ?? limit.CUT_NONE])
    .filter(([, bin]) => goesOn && bin < limit.CUT_NONE);
  return {
    model: facts.model.name,
    tag,
    settings,
    epoch,
    counted: -1,
    frontier: Object.fromEntries(reached),
    lastLowered: null,
    certificates: {},
    breaker: null,
    live,
  };
}

/** Certifies one objective of a tag and remembers what it certified. */
function certifyObjective(
  tracking: Tracking,
  facts: Facts,
  tag: string,
  text: string,
  segments: readonly string[],
): CertifiedLook | null {
  const objective = parseObjective(text);
  if (objective?.kind !== "fpr") return null;
  const key = `${facts.model.name}/${tag}/${text}`;
  const settings = settingsOf(facts, tag, objective.rate, segments);
  const identity = identityOf(facts, text, settings);
  const known = tracking.get(key);
  const isKnown = known !== undefined && isSame(known.epoch.identity, identity);
  const past = known?.epoch ?? readEpoch(facts.past[key]);
  const tracked = isKnown ? known : openTracked(facts, tag, settings, identity, past);
  tracking.set(key, tracked);
  for (const cohort of facts.closed) {
    if (cohort.cohort <= tracked.counted) continue;
    tracked.epoch = addCohort(tracked.epoch, cohort);
    tracked.counted = cohort.cohort;
  }
  const { epoch, frontier, lastLowered } = tracked;
  const { cohorts, now } = facts;
  const live = facts.live(tag);
  tracked.live = live;
  tracked.breaker ??= watchShares(settings, live, cohorts);
  const name = facts.model.name;
  const answer = certifyTag({
    model: name,
    tag,
    settings,
    epoch,
    cohorts,
    live,
    frontier,
    lastLowered,
    now,
  });
  tracked.certificates = answer.certificates;
  const written = writeEpoch(epoch);
  return {
    learned: answer.learned,
    why: answer.why === "" ? [] : [answer.why],
    waiting: answer.waiting === null ? [] : [`${tag}: ${text}: ${answer.waiting}`],
    epochs: facts.past[key] === written ? {} : { [key]: written },
  };
}

/** One look at every certified objective of a model. */
export function certifyModel(tracking: Tracking, facts: Facts): CertifiedLook {
  const looks = facts.model.tagNames.flatMap((tag) =>
    [...groupByObjective(facts, tag)].flatMap(
      ([text, segments]) => certifyObjective(tracking, facts, tag, text, segments) ?? [],
    ),
  );
  return {
    learned: Object.assign({}, ...looks.map(({ learned }) => learned)),
    why: looks.flatMap(({ why }) => why),
    waiting: looks.flatMap(({ waiting }) => waiting),
    epochs: Object.assign({}, ...looks.map(({ epochs }) => epochs)),
  };
}

/** The whole model to the safe side: every certified cut none, every epoch anew. */
export function withdrawModel(
  tracking: Tracking,
  model: LoadedModel,
  own: ModelSettings,
  segments: readonly string[],
  now: number,
): { learned: Record<string, number>; epochs: Record<string, string> } {
  const learned: Record<string, number> = {};
  const epochs: Record<string, string> = {};
  for (const [key, tracked] of tracking) {
    if (tracked.model !== model.name) continue;
    tracked.epoch = restartEpoch(tracked.epoch, now);
    tracked.frontier = {};
    tracked.certificates = {};
    tracked.lastLowered = null;
    tracked.breaker = null;
    epochs[key] = writeEpoch(tracked.epoch);
    for (const segment of segments) {
      if (objectiveOf(model, own, segment, tracked.tag) === null) continue;
      if (!tracked.settings.segments.includes(segment)) continue;
      learned[`${model.name}/${segment}/${tracked.tag}`] = limit.CUT_NONE;
    }
  }
  return { learned, epochs };
}
