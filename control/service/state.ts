import type { Changes, Known } from "../change-settings.ts";
import { changeSettings } from "../change-settings.ts";
import { chooseCut, cutKey, type LearnedCuts, type LoadedModel, objectiveOf } from "../desired.ts";
import { LimenError } from "../errors.ts";
import type { BinCounts } from "../gate/rules.ts";
import type { History } from "../history/history.ts";
import { type CohortHistogram, listHistograms } from "../learn/alert.ts";
import type { Learner } from "../learn/follow.ts";
import { parseObjective } from "../learn/objective.ts";
import type { Published, Publisher, Wish } from "../publish.ts";
import type { ModelSettings } from "../settings.ts";
import type { HookEvent } from "../settings-notify.ts";
import type { Tracking } from "./certified.ts";
import { countBins, type Look } from "./learning.ts";

/** Counts as they come in: folded here, or followed from the log where others fold. */
export type Counting = Pick<Learner, "states" | "isCurrent" | "run">;

/** What the running service holds besides the log: who wants what, and what was seen last. */
export type State = {
  models: readonly LoadedModel[];
  segments: readonly string[];
  own: readonly ModelSettings[];
  learned: LearnedCuts;
  looks: Map<string, Look>;
  tracking: Tracking;
  /** Alarms not acted on yet: model name and what it says. */
  alarms: { model: string; text: string }[];
  /** W of the labels, milliseconds; null when no source gives any. */
  windowMs: number | null;
  onDrift: "safe-then-relearn" | "hold";
  /** After an alarm with onDrift hold: nothing is learned until on. */
  isHeld: boolean;
  lastProposal: number | null;
  history: History;
  publisher: Publisher;
  learner: Counting;
  now: () => number;
  say: (line: string) => void;
  tell: (what: HookEvent, why: string, more?: { model?: string; node?: string }) => void;
};

export function listKnown(models: readonly LoadedModel[], segments: readonly string[]): Known[] {
  return models.map(({ name, tagNames }) => ({ model: name, tags: tagNames, segments }));
}

type Place = { model: LoadedModel; index: number; segment: string; tag: string };

function listPlaces(models: readonly LoadedModel[], segments: readonly string[]): Place[] {
  return models.flatMap((model, index) =>
    segments.flatMap((segment) => model.tagNames.map((tag) => ({ model, index, segment, tag }))),
  );
}

/** Objectives are read when they are set, not when they are first needed. */
export function checkObjectives(
  models: readonly LoadedModel[],
  own: readonly ModelSettings[],
  segments: readonly string[],
  windowMs: number | null,
): void {
  for (const { model, index, segment, tag } of listPlaces(models, segments)) {
    const text = objectiveOf(model, own[index] as ModelSettings, segment, tag);
    const objective = text === null ? null : parseObjective(text);
    if (objective && objective.kind !== "alert" && windowMs === null) {
      const why = `objective ${text} needs labels; name a source under labels: in limen.yaml`;
      throw new LimenError("input", `${model.name}.${tag}: ${why}`);
    }
  }
}

export function cohortsOf(state: Pick<State, "learner">, model: LoadedModel): CohortHistogram[] {
  return listHistograms(state.learner.states, model.digest);
}

/** Live bins of a tag by segment. */
export function liveCuts(
  state: Pick<State, "segments">,
  model: LoadedModel,
  own: ModelSettings,
  learned: LearnedCuts,
): (tag: string) => Readonly<Record<string, number>> {
  return (tag) =>
    Object.fromEntries(
      state.segments.map((segment) => [segment, chooseCut(model, own, segment, tag, learned).bin]),
    );
}

/** Recorded decisions for the gate: the same requests under the live and the candidate cut. */
export function countAllBins(state: Pick<State, "learner" | "models" | "segments">): BinCounts {
  return Object.fromEntries(
    state.models.map((model) => [model.name, countBins(cohortsOf(state, model), state.segments)]),
  );
}

function wishOf(state: State, parts: Partial<Wish> & Pick<Wish, "by" | "why">): Wish {
  return { own: state.own, learned: state.learned, lane: "staged", ...parts };
}

export const isOff = ({ history }: Pick<State, "history">): boolean => history.live().off !== null;

/** Hands out what history says is live; where settings or model changed since, pushes anew. */
export async function resume(state: State): Promise<void> {
  await state.publisher.resume(wishOf(state, { by: "limen", why: "settings at the start" }));
}

/** Settings after an operator's change, checked. */
export function plan(state: State, set: Changes): ModelSettings[] {
  const own = changeSettings(state.own, listKnown(state.models, state.segments), set);
  checkObjectives(state.models, own, state.segments, state.windowMs);
  return own;
}

/** A cut learned for one objective means nothing to another. */
function keepLearned(state: State, own: readonly ModelSettings[]): LearnedCuts {
  const kept = { ...state.learned };
  for (const { model, index, segment, tag } of listPlaces(state.models, state.segments)) {
    const before = objectiveOf(model, state.own[index] as ModelSettings, segment, tag);
    const after = objectiveOf(model, own[index] as ModelSettings, segment, tag);
    if (before !== after) delete kept[cutKey(model.name, segment, tag)];
  }
  return kept;
}

/** An operator's change: direct while no stages exist, and history says "not staged". */
export async function apply(state: State, set: Changes, by: string): Promise<Published> {
  const own = plan(state, set);
  const learned = keepLearned(state, own);
  const applied = Object.fromEntries(Object.entries(set).map(([key, value]) => [key, `${value}`]));
  const why = Object.entries(applied)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
  const wish = wishOf(state, { own, learned, by, why, applied });
  const published = await state.publisher.publish(wish);
  state.own = own;
  state.learned = learned;
  return published;
}

export function preview(state: State, set: Changes): Published {
  const own = plan(state, set);
  const learned = keepLearned(state, own);
  return state.publisher.preview(wishOf(state, { own, learned, by: "", why: "" }));
}

export async function turn(state: State, to: "off" | "on", by: string): Promise<Published> {
  const published =
    to === "off"
      ? await state.publisher.turnOff(by, "off")
      : await state.publisher.turnOn(wishOf(state, { by, why: "on" }));
  if (to === "on") state.isHeld = false;
  state.tell(to, `by ${by}`);
  return published;
}
