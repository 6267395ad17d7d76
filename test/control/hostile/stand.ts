// Decisions and labels in a log, folded by the learner and certified as the service does it, under
// a clock that the test sets. W is 3 s, a cohort 1 s.
import { createHashId } from "../../../control/collect/hash-id.ts";
import { readLabelPost } from "../../../control/collect/label-body.ts";
import { createLabelIntake } from "../../../control/collect/label-intake.ts";
import type { LoadedModel } from "../../../control/desired.ts";
import type { NewEvent } from "../../../control/events/log.ts";
import { listHistograms } from "../../../control/learn/alert.ts";
import { createLearner } from "../../../control/learn/follow.ts";
import { listClosedCohorts } from "../../../control/learn/join/closed.ts";
import type { LabelSource } from "../../../control/learn/join/sources.ts";
import { certifyModel, type Tracking } from "../../../control/service/certified.ts";
import { liveCuts } from "../../../control/service/state.ts";
import { bookPushed } from "../../../control/service/watching.ts";
import { checkModelSettings } from "../../../control/settings.ts";
import { ARM_AUDIT } from "../../../models/decision.ts";
import { A_TOKEN_KEY, aModel } from "../../support/builders.ts";
import { namesOf } from "../../support/decisions.ts";
import { aLabel, anIdDecision, aSource, aTick, labelSettings } from "../../support/labels.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

const BEGIN = 1_000_000;
const SEGMENTS = ["rest", "shop"];
const { name: _name, tags, modes: _modes, cuts: _cuts, ...score } = aModel();
const model: LoadedModel = {
  ...{ name: "bot", score, features: [], digest: "b0", tags },
  ...{ tagNames: ["bot"], bounds: {}, presets: { cuts: {}, objective: null } },
};
const own = checkModelSettings(
  { mode: "tag", bot: { objective: "fpr:0.01", scope: "segment" } },
  "test",
);
const hashId = createHashId(A_TOKEN_KEY);

export const NEGATIVE = 1;
export const POSITIVE = 2;
/** Requests alike, and what is said of each; 0 is nothing. */
export type Group = { bin: number; count: number; label?: number; segment?: string; arm?: number };

/** A second that certifies a cut of 3500 alone: 560 people far below 40 bots. */
export const clearSecond = (segment = "rest"): Group[] => [
  { bin: 100, count: 560, label: NEGATIVE, segment },
  { bin: 3500, count: 40, label: POSITIVE, segment },
];
/** The same without labels. */
export const muteSecond = (): Group[] => clearSecond().map((group) => ({ ...group, label: 0 }));

export async function openStand(source: Partial<LabelSource> = {}) {
  const clock = { now: BEGIN };
  const log = createMemoryLog({ now: () => clock.now });
  const settings = labelSettings(aSource(source));
  const learner = await createLearner({ log, namesOf, labels: settings });
  const tracking: Tracking = new Map();
  const past: Record<string, string> = {};
  const intake = createLabelIntake({
    ...{ append: log.append, settings, tokenKey: A_TOKEN_KEY, hashId, models: ["bot"] },
    ...{ partitions: 1, peek: () => "waiting" as const, now: () => clock.now },
  });
  let learned: Record<string, number> = {};
  let id = 0;
  /** Moves the clock on to a time since the begin, in milliseconds. */
  const go = (at: number): void => {
    clock.now = BEGIN + at;
  };
  const append = (...events: NewEvent[]) => log.append(events);
  const decide = (group: Group, key?: Uint8Array): NewEvent => {
    const { bin, arm = ARM_AUDIT, segment = "rest" } = group;
    const models = [{ segment: SEGMENTS.indexOf(segment), bin, arm }];
    const event = anIdDecision({ id, seq: id, models });
    id++;
    return key ? { ...event, key } : event;
  };
  /** Decisions of a second, and after 500 ms what is said of them; their labels. */
  const send = async (second: number, groups: readonly Group[]): Promise<NewEvent[]> => {
    const labels: NewEvent[] = [];
    go(1_000 * second + 100);
    for (const group of groups) {
      for (let n = 0; n < group.count; n++) {
        if (group.label) labels.push(aLabel({ id, label: group.label }));
        await append(decide(group));
      }
    }
    go(1_000 * second + 600);
    await append(...labels);
    return labels;
  };
  const cutsOf = (of: Record<string, number>) => liveCuts({ segments: SEGMENTS }, model, own, of);
  const closed = () => listClosedCohorts(learner.states, model.digest);
  /** Folds what is there and looks at it at this second; the bins that are live then. */
  const look = async (second: number) => {
    for (const more of [0, 1]) {
      clock.now = Math.max(clock.now, BEGIN + 1_000 * second) + more;
      await append(aTick());
      while ((await learner.step()) > 0);
    }
    const cohorts = listHistograms(learner.states, model.digest);
    const found = certifyModel(tracking, {
      ...{ model, own, segments: SEGMENTS, learned, past, cohorts, live: cutsOf(learned) },
      ...{ windowMs: settings.windowMs, now: clock.now },
      closed: closed().filter(({ usable }) => usable),
    });
    Object.assign(past, found.epochs);
    const after = { ...learned, ...found.learned };
    const cuts = { before: cutsOf(learned), after: cutsOf(after) };
    bookPushed(tracking, model.name, cuts, cohorts, clock.now);
    learned = after;
    return cutsOf(learned)("bot");
  };
  // The epoch begins with the first look.
  certifyModel(tracking, {
    ...{ model, own, segments: SEGMENTS, learned, past, cohorts: [], closed: [], now: BEGIN },
    ...{ windowMs: settings.windowMs, live: cutsOf(learned) },
  });
  return {
    ...{ go, append, decide, send, look, closed, hashId },
    post: (body: unknown) => intake.post(readLabelPost(body), "tester"),
    rejected: intake.rejected,
    now: () => clock.now,
    fates: () => learner.states[0]?.joining?.join.fates,
    certificate: (segment = "rest") => [...tracking.values()][0]?.certificates[segment],
  };
}
