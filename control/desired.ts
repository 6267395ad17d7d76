import * as limit from "../models/limits.ts";
import { LimenError } from "./errors.ts";
import type { ModelSettings, Settings, TagSettings } from "./settings.ts";
import { IGNORED_HEADERS } from "./table/ignored.ts";
import { binOfCut, binOfScore } from "./table/score-scale.ts";
import type { Exempt, Feature, Mode, Model, ModelScore, Table, Tag } from "./table/table.ts";

/** A model as compiled from its folder. */
export type LoadedModel = {
  name: string;
  score: ModelScore;
  features: readonly Feature[];
  /** 16 hex digits. */
  digest: string;
  tags: readonly Tag[];
  /** Names of the tags, ascending, and what model.yaml says of each. */
  tagNames: readonly string[];
  /** Scores within which an operator may set a cut. */
  bounds: Readonly<Record<string, readonly [number, number]>>;
  presets: {
    cuts: Readonly<Record<string, number>>;
    objective: string | null;
  };
};

/** Where a cut comes from; learned ones outlive everything but a cut set by hand. */
export type CutSource = "hand" | "learned" | "preset" | "none";
export type ChosenCut = { bin: number; source: CutSource };

/** Learned bins by `MODEL/SEGMENT/TAG`. */
export type LearnedCuts = Readonly<Record<string, number>>;

/** What must survive a restart for tokens and draws to keep meaning something. */
export type Secrets = { salt: bigint; tokenKey: Uint8Array };

export const cutKey = (model: string, segment: string, tag: string): string =>
  `${model}/${segment}/${tag}`;

/** Segment names in the order of their numbers; "rest" is segment 0. */
export function listSegments(settings: Settings): string[] {
  const named = new Set(Object.values(settings.segments.entries));
  named.delete("rest");
  return ["rest", ...named];
}

export function segmentTag(own: ModelSettings, segment: string, tag: string): TagSettings {
  const below = own.segments[segment] as Record<string, unknown> | undefined;
  return { ...((own as Record<string, unknown>)[tag] ?? {}), ...((below?.[tag] ?? {}) as object) };
}

/** Mode of a model in a segment. */
export function modeOf(own: ModelSettings, segment: string): Mode {
  return own.segments[segment]?.mode ?? own.mode;
}

/** Objective of a tag in a segment: its own, else the model's preset; null when the cut is fixed. */
export function objectiveOf(model: LoadedModel, own: ModelSettings, segment: string, tag: string) {
  const chosen = segmentTag(own, segment, tag);
  if (chosen.objective !== undefined) return chosen.objective === "none" ? null : chosen.objective;
  return chosen.cut === undefined ? model.presets.objective : null;
}

/** Objectives whose cuts are certified from labels; alert may tag uncertified, and says so. */
export const isCertified = (objective: string): boolean => !objective.startsWith("alert:");

/** Scope of a tag's objective: one cut for all segments unless asked otherwise. */
export function scopeOf(own: ModelSettings, tag: string): "overall" | "segment" {
  return segmentTag(own, "rest", tag).scope ?? "overall";
}

/** The cut of a tag in a segment: learned, else by hand, else the preset, else none. */
export function chooseCut(
  model: LoadedModel,
  own: ModelSettings,
  segment: string,
  tag: string,
  learned: LearnedCuts,
): ChosenCut {
  const chosen = segmentTag(own, segment, tag);
  const bin = learned[cutKey(model.name, segment, tag)];
  const objective = objectiveOf(model, own, segment, tag);
  if (bin !== undefined && objective !== null) return { bin, source: "learned" };
  // What is certified from labels starts from nothing, so that no uncertified cut ever tags.
  if (objective !== null && isCertified(objective) && chosen.otherwise !== "keep") {
    return { bin: limit.CUT_NONE, source: "none" };
  }
  if (chosen.cut !== undefined) return { bin: binOfCut(model.score, chosen.cut), source: "hand" };
  const preset = model.presets.cuts[tag];
  if (preset !== undefined) return { bin: binOfScore(model.score, preset), source: "preset" };
  return { bin: limit.CUT_NONE, source: "none" };
}

function exemptOf(rule: Settings["exempt"][number]): Exempt {
  const of = rule.header ? `header:${rule.header.toLowerCase()}` : rule.path ? "path" : "authority";
  const text = rule.path ?? rule.authority ?? rule.equals ?? rule.prefix;
  if (text === undefined || text === "") {
    throw new LimenError(
      "input",
      "exempt: a rule needs a header with equals or prefix, a path, or an authority",
    );
  }
  const match = rule.path !== undefined || rule.prefix !== undefined ? "prefix" : "equals";
  return { of, match, text };
}

/** Features of all models, equal ones once, and each model with its slots moved to them. */
function mergeFeatures(models: readonly LoadedModel[]): {
  features: Feature[];
  scores: ModelScore[];
} {
  const features: Feature[] = [];
  const indexes = new Map<string, number>();
  const scores = models.map((model) => {
    const moved = model.features.map((feature) => {
      const text = JSON.stringify(feature);
      const known = indexes.get(text) ?? features.push(feature) - 1;
      indexes.set(text, known);
      return known;
    });
    const slots = model.score.slots.map((slot) => ({ ...slot, feature: moved[slot.feature] ?? 0 }));
    return { ...model.score, slots };
  });
  return { features, scores };
}

/**
 * The table that settings, compiled models and learned cuts ask for. Pure: the same arguments give
 * the same table. Throws "input" when settings name a tag or segment that does not exist.
 */
export function desiredTable(
  settings: Settings,
  models: readonly LoadedModel[],
  own: readonly ModelSettings[],
  learned: LearnedCuts,
  secrets: Secrets,
  serial: number,
): Table {
  const names = listSegments(settings);
  const { features, scores } = mergeFeatures(models);
  const built = models.map((model, index): Model => {
    const modelSettings = own[index] as ModelSettings;
    return {
      ...(scores[index] as ModelScore),
      name: model.name,
      tags: model.tags,
      modes: names.map((segment) => modeOf(modelSettings, segment)),
      cuts: names.map((segment) =>
        model.tagNames.map((tag) => chooseCut(model, modelSettings, segment, tag, learned).bin),
      ),
    };
  });
  return {
    ...secrets,
    serial,
    audit: own[0]?.audit ?? 1,
    extra: 0,
    extraWidth: 0,
    candidate: 0,
    vector: settings.keep.vectors,
    trustMesh: settings.trustMesh,
    token: settings.token,
    record: true,
    features,
    models: built,
    segments: {
      of: settings.segments.of,
      match: settings.segments.match,
      names,
      entries: Object.entries(settings.segments.entries).map(([text, name]) => ({
        text,
        segment: names.indexOf(name),
      })),
    },
    exempt: settings.exempt.map(exemptOf),
    ignored: IGNORED_HEADERS,
  };
}

/** The base table: no model, every request in the base state, still recorded. */
export function baseTable(secrets: Secrets, serial: number): Table {
  return {
    ...secrets,
    serial,
    audit: 0,
    extra: 0,
    extraWidth: 0,
    candidate: 0,
    vector: 0,
    trustMesh: false,
    token: false,
    record: true,
    features: [],
    models: [],
    segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
    exempt: [],
    ignored: [],
  };
}
