import { setTimeout as sleep } from "node:timers/promises";
import { changeSettings } from "../change-settings.ts";
import { type LoadedModel, listSegments } from "../desired.ts";
import { LimenError } from "../errors.ts";
import type { History } from "../history/history.ts";
import type { OnScored } from "../learn/state.ts";
import type { Settings } from "../settings.ts";
import { loadModel } from "../table/load-model.ts";
import type { Tracked } from "./certified.ts";
import type { Look } from "./learning.ts";
import { actOnAlarms, learn } from "./look.ts";
import { createSayOnce } from "./say-once.ts";
import { type Counting, checkObjectives, listKnown, type State } from "./state.ts";

/** Fast enough for "pushed within a second", slow enough to cost nothing. */
const LOOK_MS = 250;

async function loadModels(settings: Settings): Promise<LoadedModel[]> {
  const models: LoadedModel[] = [];
  for (const { folder, name } of settings.models) {
    const model = await loadModel(folder);
    if (model.name !== name) {
      const text = `${folder}: model.yaml says name ${model.name}, its folder ${name}`;
      throw new LimenError("input", `${text}; give them one name`);
    }
    models.push(model);
  }
  return models;
}

/** Everything that deciding takes from the log, the models and the settings. */
export async function openState(
  settings: Settings,
  history: History,
  openCounting: (onScored: OnScored) => Promise<Counting>,
) {
  const models = await loadModels(settings);
  const segments = listSegments(settings);
  const past = history.live();
  const fromFile = settings.models.map((model) => model.settings);
  const own = changeSettings(fromFile, listKnown(models, segments), past.applied);
  const watcher: { watch?: (digest: string, segment: string, bin: number) => void } = {};
  const learner = await openCounting(({ modelDigest, segment }, bin) =>
    watcher.watch?.(modelDigest, segment, bin),
  );
  const windowMs = learner.states[0]?.settings.labels?.windowMs ?? null;
  checkObjectives(models, own, segments, windowMs);
  const opened = {
    models,
    segments,
    own,
    learner,
    windowMs,
    history,
    learned: past.acting?.learnedCuts ?? {},
    looks: new Map<string, Look>(),
    tracking: new Map<string, Tracked>(),
    alarms: [],
    onDrift: settings.onDrift,
    isHeld: settings.onDrift === "hold" && past.alarm !== null,
    lastProposal: null,
    now: Date.now,
  };
  return { opened, watcher };
}

/** Runs jobs one after another; a failed one does not stop the next. */
export function createTurns() {
  let last: Promise<unknown> = Promise.resolve();
  return <Value>(job: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(job);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Looks again and again until the signal, or until another process decides; what fails is said
 * once and tried again. */
export async function lookOften(
  state: State,
  inTurn: ReturnType<typeof createTurns>,
  signal: AbortSignal,
) {
  const looking = createSayOnce("learning", state.say);
  while (!signal.aborted && state.history.isDecider()) {
    try {
      await state.history.refresh();
      await inTurn(() => actOnAlarms(state));
      await inTurn(() => learn(state));
      looking.worked();
    } catch (thrown) {
      looking.failed(thrown);
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
