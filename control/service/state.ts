import type { Changes, Known } from "../change-settings.ts";
import { changeSettings } from "../change-settings.ts";
import { chooseCut, type LearnedCuts, type LoadedModel, objectiveOf } from "../desired.ts";
import type { BinCounts } from "../gate/rules.ts";
import { type CohortHistogram, listHistograms } from "../learn/alert.ts";
import type { Learner } from "../learn/follow.ts";
import { parseObjective } from "../learn/objective.ts";
import type { Published, Publisher, Wish } from "../publish.ts";
import type { ModelSettings } from "../settings.ts";
import { countBins, type Look, lookAtModel } from "./learning.ts";

/** What the running service holds besides the log: who wants what, and what was seen last. */
export type State = {
  models: readonly LoadedModel[];
  segments: readonly string[];
  own: readonly ModelSettings[];
  learned: LearnedCuts;
  looks: Map<string, Look>;
  lastProposal: number | null;
  isOff: boolean;
  pushedAt: number | null;
  publisher: Publisher;
  learner: Learner;
  now: () => number;
  say: (line: string) => void;
};

export function listKnown(models: readonly LoadedModel[], segments: readonly string[]): Known[] {
  return models.map(({ name, tagNames }) => ({ model: name, tags: tagNames, segments }));
}

/** Objectives are read when they are set, not when they are first needed. */
export function checkObjectives(
  models: readonly LoadedModel[],
  own: readonly ModelSettings[],
  segments: readonly string[],
): void {
  for (const [index, model] of models.entries()) {
    for (const segment of segments) {
      for (const tag of model.tagNames) {
        const text = objectiveOf(model, own[index] as ModelSettings, segment, tag);
        if (text !== null) parseObjective(text);
      }
    }
  }
}

export function cohortsOf(state: Pick<State, "learner">, model: LoadedModel): CohortHistogram[] {
  return listHistograms(state.learner.states, model.digest);
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

function note(state: State, published: Published): void {
  if (published.changed) state.pushedAt = state.now();
}

/** Hands out what history says is live; where settings or model changed since, pushes anew. */
export async function resume(state: State): Promise<void> {
  const wish = wishOf(state, { by: "limen", why: "settings at the start" });
  note(state, await state.publisher.resume(wish));
}

/** Settings after an operator's change, checked. */
export function plan(state: State, set: Changes): ModelSettings[] {
  const own = changeSettings(state.own, listKnown(state.models, state.segments), set);
  checkObjectives(state.models, own, state.segments);
  return own;
}

/** An operator's change: direct while no stages exist, and history says "not staged". */
export async function apply(state: State, set: Changes, by: string): Promise<Published> {
  const own = plan(state, set);
  const applied = Object.fromEntries(Object.entries(set).map(([key, value]) => [key, `${value}`]));
  const why = Object.entries(applied)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
  const published = await state.publisher.publish(wishOf(state, { own, by, why, applied }));
  state.own = own;
  note(state, published);
  return published;
}

export function preview(state: State, set: Changes): Published {
  return state.publisher.preview(wishOf(state, { own: plan(state, set), by: "", why: "" }));
}

export async function turn(state: State, to: "off" | "on", by: string): Promise<Published> {
  const published =
    to === "off"
      ? await state.publisher.turnOff(by, "off")
      : await state.publisher.turnOn(wishOf(state, { by, why: "on" }));
  state.isOff = to === "off";
  note(state, published);
  return published;
}

/** One look of every model; what is proposed goes through the gate to all proxies. */
export async function learn(state: State): Promise<void> {
  if (state.isOff) return;
  const learned: Record<string, number> = {};
  const why: string[] = [];
  for (const [index, model] of state.models.entries()) {
    const own = state.own[index] as ModelSettings;
    const liveCuts = (tag: string): Record<string, number> =>
      Object.fromEntries(
        state.segments.map((segment) => [
          segment,
          chooseCut(model, own, segment, tag, state.learned).bin,
        ]),
      );
    const look = lookAtModel({
      model,
      own,
      liveCuts,
      segments: state.segments,
      cohorts: cohortsOf(state, model),
      lastProposal: state.lastProposal,
      now: state.now(),
    });
    state.looks.set(model.name, look);
    Object.assign(learned, look.learned);
    if (look.why !== "") why.push(look.why);
  }
  if (Object.keys(learned).length === 0) return;
  state.lastProposal = state.now();
  const next = { ...state.learned, ...learned };
  const wish = wishOf(state, { learned: next, by: "limen", why: why.join("; "), lane: "direct" });
  const published = await state.publisher.publish(wish);
  state.learned = next;
  note(state, published);
  if (published.changed) state.say(`pushed table ${published.digest}: ${wish.why}`);
}
