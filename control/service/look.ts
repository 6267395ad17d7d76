import type { LearnedCuts, LoadedModel } from "../desired.ts";
import { listClosedCohorts } from "../learn/join/closed.ts";
import type { Wish } from "../publish.ts";
import type { ModelSettings } from "../settings.ts";
import { certifyModel, withdrawModel } from "./certified.ts";
import { lookAtModel } from "./learning.ts";
import { cohortsOf, isOff, liveCuts, type State } from "./state.ts";
import { bookPushed, describeAlarm, noteScored } from "./watching.ts";

type Found = {
  learned: Record<string, number>;
  epochs: Record<string, string>;
  why: string[];
};

const ownOf = (state: State, index: number): ModelSettings => state.own[index] as ModelSettings;

/** One look of every objective of a model; notes in `looks` what waits. */
function lookAt(state: State, model: LoadedModel, own: ModelSettings): Found {
  const { segments, lastProposal } = state;
  const cohorts = cohortsOf(state, model);
  const live = liveCuts(state, model, own, state.learned);
  const now = state.now();
  const alert = lookAtModel({ model, own, segments, cohorts, liveCuts: live, lastProposal, now });
  const certified = certifyModel(state.tracking, {
    model,
    own,
    segments,
    cohorts,
    live,
    now,
    learned: state.learned,
    windowMs: state.windowMs ?? 0,
    closed: listClosedCohorts(state.learner.states, model.digest).filter(({ usable }) => usable),
    past: state.history.live().epochs,
  });
  const waiting = [alert.waiting, ...certified.waiting].filter((text) => text !== null);
  state.looks.set(model.name, { ...alert, waiting: waiting.join("; ") || null });
  return {
    learned: { ...alert.learned, ...certified.learned },
    epochs: certified.epochs,
    why: [alert.why, ...certified.why].filter((text) => text !== ""),
  };
}

function bookAll(state: State, before: LearnedCuts): void {
  for (const [index, model] of state.models.entries()) {
    const cuts = {
      before: liveCuts(state, model, ownOf(state, index), before),
      after: liveCuts(state, model, ownOf(state, index), state.learned),
    };
    bookPushed(state.tracking, model.name, cuts, cohortsOf(state, model), state.now());
  }
}

async function publish(state: State, wish: Wish): Promise<void> {
  const before = state.learned;
  const published = await state.publisher.publish(wish);
  state.learned = wish.learned;
  bookAll(state, before);
  if (!published.changed) return;
  state.say(`pushed table ${published.digest}: ${wish.why}`);
  state.tell("pushed", wish.why);
}

/** One look of every model; what is proposed goes through the gate to all proxies. */
export async function learn(state: State): Promise<void> {
  if (isOff(state) || state.isHeld || !state.learner.isCurrent()) return;
  const found = state.models.map((model, index) => lookAt(state, model, ownOf(state, index)));
  const learned = Object.assign({}, ...found.map((one) => one.learned));
  const epochs: Record<string, string> = Object.assign({}, ...found.map((one) => one.epochs));
  const moves = Object.keys(learned).length > 0;
  const begins = Object.keys(epochs).length > 0;
  if (!moves && !begins) return;
  if (moves) state.lastProposal = state.now();
  const why = found.flatMap((one) => one.why).join("; ") || "an epoch begins";
  await publish(state, {
    own: state.own,
    learned: { ...state.learned, ...learned },
    by: "limen",
    why,
    lane: "direct",
    ...(begins && { epochs }),
  });
}

/** One scored decision in log order: the breaker's look at it. */
export function watchDecision(state: State, modelDigest: string, segment: string, bin: number) {
  const model = state.models.find(({ digest }) => digest === modelDigest);
  if (!model || state.tracking.size === 0) return;
  const found = noteScored(state.tracking, model.name, segment, bin);
  if (found) state.alarms.push({ model: model.name, text: describeAlarm(found.alarm) });
}

/** Acts on alarms: the whole model to the safe side, a new epoch, history, notification. */
export async function actOnAlarms(state: State): Promise<void> {
  const alarm = state.alarms.shift();
  if (!alarm || isOff(state)) return;
  const index = state.models.findIndex(({ name }) => name === alarm.model);
  const model = state.models[index];
  if (!model) return;
  const own = ownOf(state, index);
  const { learned, epochs } = withdrawModel(
    state.tracking,
    model,
    own,
    state.segments,
    state.now(),
  );
  state.alarms = state.alarms.filter(({ model: name }) => name !== alarm.model);
  if (state.onDrift === "hold") state.isHeld = true;
  const held = state.isHeld ? "; held until on" : "";
  const text = `${alarm.model}: ${alarm.text}: safe side, new epoch${held}`;
  state.say(`ALARM ${text}`);
  state.tell("alarm", text, { model: alarm.model });
  await publish(state, {
    own: state.own,
    learned: { ...state.learned, ...learned },
    by: "limen",
    why: "alarm",
    lane: "direct",
    epochs,
    alarm: text,
  });
}
