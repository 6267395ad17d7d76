import * as limit from "../../models/limits.ts";
import { cutKey, type LearnedCuts, type LoadedModel, objectiveOf, scopeOf } from "../desired.ts";
import type { BinCounts } from "../gate/rules.ts";
import { type AlertView, type CohortHistogram, proposeAlert } from "../learn/alert.ts";
import { countAll, countAtOrAbove, type Histogram, mergeHistograms } from "../learn/histogram.ts";
import { parseObjective } from "../learn/objective.ts";
import type { ModelSettings } from "../settings.ts";

/** What learning says of one model. */
export type Look = {
  /** New bins by MODEL/SEGMENT/TAG; empty when nothing is proposed. */
  learned: LearnedCuts;
  why: string;
  waiting: string | null;
  /** The first objective's view: what people see. */
  view: AlertView | null;
};

export type LookInput = {
  model: LoadedModel;
  own: ModelSettings;
  segments: readonly string[];
  /** Newest first. */
  cohorts: readonly CohortHistogram[];
  /** Live bins of a tag by segment. */
  liveCuts: (tag: string) => Readonly<Record<string, number>>;
  lastProposal: number | null;
  now: number;
};

const NO_COUNTS: Histogram = new Map();

/** Segments that share an objective text: with scope overall they share one cut. */
export function groupByObjective(
  input: Pick<LookInput, "model" | "own" | "segments">,
  tag: string,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const segment of input.segments) {
    const text = objectiveOf(input.model, input.own, segment, tag);
    if (text === null) continue;
    groups.set(text, [...(groups.get(text) ?? []), segment]);
  }
  return groups;
}

/**
 * A lower cut tags more, and the gate lets a push at most double the tagged share: the lowest cut
 * at or above the wanted one that it will pass (gate/rules.ts `checkStep`).
 */
export function limitStep(all: Histogram, live: number, wanted: number): number {
  if (wanted >= live || live >= limit.CUT_NONE) return wanted;
  const total = countAll(all);
  const cap = Math.max(2 * countAtOrAbove(all, live), Math.floor((2 * total) / 1000));
  let cut = live;
  const bins = [...all.keys()].filter((bin) => bin >= wanted && bin < live).sort((a, b) => b - a);
  for (const bin of bins) {
    if (countAtOrAbove(all, bin) > cap) break;
    cut = bin;
  }
  return cut;
}

function histogramOf(cohorts: readonly CohortHistogram[], segments: readonly string[]) {
  return mergeHistograms(
    cohorts.flatMap((cohort) => segments.map((name) => cohort.segments.get(name) ?? NO_COUNTS)),
  );
}

/** Recorded decisions of a model by segment and bin, as the gate takes them. */
export function countBins(
  cohorts: readonly CohortHistogram[],
  segments: readonly string[],
): BinCounts[string] {
  return Object.fromEntries(
    segments.map((segment) => {
      const counts = new Array<number>(limit.BINS).fill(0);
      for (const [bin, count] of histogramOf(cohorts, [segment])) counts[bin] = count;
      return [segment, counts];
    }),
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

function limitCuts(
  input: LookInput,
  group: readonly string[],
  live: Readonly<Record<string, number>>,
  cuts: Readonly<Record<string, number>>,
  scope: "overall" | "segment",
): Record<string, number> {
  const limited = Object.entries(cuts).map(([segment, wanted]): [string, number] => {
    const over = scope === "overall" ? group : [segment];
    const all = histogramOf(input.cohorts, over);
    return [segment, limitStep(all, live[segment] ?? limit.CUT_NONE, wanted)];
  });
  return Object.fromEntries(limited);
}

type Answer = {
  cuts: LearnedCuts;
  why: string | null;
  waiting: string | null;
  view: AlertView | null;
};

const NO_ANSWER: Answer = { cuts: {}, why: null, waiting: null, view: null };

/** One objective of a tag, over the segments that share it. */
function lookAtObjective(
  input: LookInput,
  tag: string,
  text: string,
  segments: readonly string[],
): Answer {
  const objective = parseObjective(text);
  if (objective?.kind !== "alert") return NO_ANSWER;
  const { model, cohorts, lastProposal, now } = input;
  const liveCuts = input.liveCuts(tag);
  const scope = scopeOf(input.own, tag);
  const settings = { share: objective.share, scope, segments };
  const answer = proposeAlert({ cohorts, liveCuts, lastProposal, now, settings });
  const view = answer.views[0] ?? null;
  if (answer.kind === "nothing") {
    return { ...NO_ANSWER, waiting: `${tag}: ${text}: ${answer.reason}`, view };
  }
  const limited = limitCuts(input, segments, liveCuts, answer.cuts, scope);
  const cuts = Object.entries(limited).map(([segment, bin]): [string, number] => [
    cutKey(model.name, segment, tag),
    bin,
  ]);
  const seen = answer.views.map(
    (one) => `${percent(one.liveShare)} -> ${percent(one.share)} of ${one.decisions}`,
  );
  const why = `model ${model.name}, tag ${tag}: ${text}: ${seen.join(", ")} decisions`;
  return { cuts: Object.fromEntries(cuts), why, waiting: null, view };
}

const joinTexts = (texts: readonly (string | null)[]): string =>
  texts.filter((text) => text !== null).join("; ");

/** One look of every objective of a model at what was recorded. Pure. */
export function lookAtModel(input: LookInput): Look {
  const answers = input.model.tagNames.flatMap((tag) =>
    [...groupByObjective(input, tag)].map(([text, segments]) =>
      lookAtObjective(input, tag, text, segments),
    ),
  );
  return {
    learned: Object.assign({}, ...answers.map(({ cuts }) => cuts)),
    why: joinTexts(answers.map(({ why }) => why)),
    waiting: joinTexts(answers.map(({ waiting }) => waiting)) || null,
    view: answers.find(({ view }) => view !== null)?.view ?? null,
  };
}
