import { ARM_ACTED, ARM_CANDIDATE } from "../../../models/decision.ts";
import { BIN_NONE } from "../../../models/record-layout.ts";
import { LABEL_AMBIGUOUS, LABEL_NONE } from "../cells.ts";
import type { Fate } from "./fates.ts";
import { findNewest, findPrevious, type Held } from "./held.ts";
import { armOf, labelOf, withLabel } from "./marks.ts";
import { count, type JoinState, type PlainLabel, type Waiting } from "./state.ts";

/** What is said of a decision. */
export type Spoken = Pick<PlainLabel, "label" | "model" | "affectedByTag">;

/** Of several scores that one label speaks of, what became of the label is the first of these. */
const RANKS: readonly Fate[] = [
  "joined",
  "conflicting",
  "ambiguous",
  "duplicate",
  "acted",
  "unscored",
];

const isActed = (arm: number): boolean => arm === ARM_ACTED || arm === ARM_CANDIDATE;

/** What becomes of a label on one score; nothing is changed. */
function judgeScore(ring: Held, at: number, place: number, spoken: Spoken, isExact: boolean): Fate {
  const mark = ring.mark[place] ?? 0;
  if (spoken.affectedByTag && isActed(armOf(mark))) return "acted";
  const isCrowded = ring.crowded[at] === 1;
  if (isCrowded && !isExact) return "ambiguous";
  const before = labelOf(mark, isCrowded);
  if (before === LABEL_NONE || before === LABEL_AMBIGUOUS) return "joined";
  return before === spoken.label ? "duplicate" : "conflicting";
}

/** What becomes of a label on an entry; `set` is told of each score that it speaks of. */
function judgeEntry(
  join: JoinState,
  n: number,
  spoken: Spoken,
  isExact: boolean,
  set: (place: number) => void,
): Fate {
  const { held: ring } = join;
  const at = n & ring.mask;
  const names = join.tables[ring.table[at] ?? 0]?.models;
  let fate: Fate = "unscored";
  for (let model = 0; model < (ring.scores[at] ?? 0); model++) {
    const place = at * ring.stride + model;
    if (ring.bin[place] === BIN_NONE) continue;
    if (spoken.model !== "" && names?.[model] !== spoken.model) continue;
    const own = judgeScore(ring, at, place, spoken, isExact);
    if (own !== "acted") set(place);
    if (RANKS.indexOf(own) < RANKS.indexOf(fate)) fate = own;
  }
  return fate;
}

/** Sets a label on the scores of an entry that it speaks of; what became of it. */
export function setLabel(join: JoinState, n: number, spoken: Spoken, isExact: boolean): Fate {
  const { mark } = join.held;
  return judgeEntry(join, n, spoken, isExact, (place) => {
    mark[place] = withLabel(mark[place] ?? 0, spoken.label, isExact);
  });
}

function joinLabel(join: JoinState, n: number, label: PlainLabel): Fate {
  const fate = setLabel(join, n, label, label.record !== null);
  const at = n & join.held.mask;
  if (fate === "joined" && label.record === null) {
    join.held.joined[at] = Math.min(255, (join.held.joined[at] ?? 0) + 1);
  }
  return fate;
}

function isRecordOf(ring: Held, n: number, record: PlainLabel["record"]): boolean {
  if (record === null) return true;
  const at = n & ring.mask;
  return (
    ring.seq[at] === record.seq &&
    ring.vmLow[at] === record.vmLow &&
    ring.vmHigh[at] === record.vmHigh
  );
}

/** Decisions of one id that are looked through for the one of a token. */
const CHAIN_MAX = 1_000;

/** The entry a label speaks of, at most 2 W old; -1 when there is none. */
export function findEntry(join: JoinState, label: PlainLabel): number {
  const { held: ring, settings } = join;
  const oldest = label.time - 2 * settings.windowMs;
  let n = findNewest(ring, label.keyLow, label.keyHigh);
  for (let steps = 0; n >= 0 && steps < CHAIN_MAX; steps++) {
    if ((ring.time[n & ring.mask] ?? 0) < oldest) return -1;
    if (isRecordOf(ring, n, label.record)) return n;
    n = findPrevious(ring, n);
  }
  return -1;
}

const keyText = (low: number, high: number): string => `${low}/${high}`;

function wait(join: JoinState, label: PlainLabel, fate: Waiting["fate"]): void {
  if (join.queue.length - join.done >= join.settings.waitMax) {
    const slot = Math.floor(label.time / join.settings.cohortMs);
    join.skips.set(slot, (join.skips.get(slot) ?? 0) + 1);
    count(join, "skipped");
    return;
  }
  const key = keyText(label.keyLow, label.keyHigh);
  const one: Waiting = { ...label, fate, isDone: false };
  join.queue.push(one);
  const others = join.waiting.get(key);
  if (others) others.push(one);
  else join.waiting.set(key, [one]);
  count(join, fate);
}

/** Others that a label by id could mean as well: all of them are ambiguous. */
function markOthers(join: JoinState, newest: number, label: PlainLabel): void {
  const oldest = label.time - join.settings.windowMs;
  let n = findPrevious(join.held, newest);
  for (let steps = 0; n >= 0 && steps < CHAIN_MAX; steps++) {
    if ((join.held.time[n & join.held.mask] ?? 0) < oldest) return;
    setLabel(join, n, label, false);
    n = findPrevious(join.held, n);
  }
}

/** Takes a label in, after `advance` to its time. */
export function takeLabel(join: JoinState, label: PlainLabel): void {
  if (join.isCounting) join.accepted++;
  const n = findEntry(join, label);
  const time = n < 0 ? Number.NEGATIVE_INFINITY : (join.held.time[n & join.held.mask] ?? 0);
  if (n >= 0 && time >= label.time - join.settings.windowMs) {
    count(join, joinLabel(join, n, label));
    if (label.record === null) markOthers(join, n, label);
  } else {
    wait(join, label, n < 0 ? "waiting" : "late");
  }
}

/** What would become of a label now; nothing is changed. */
export function peekLabel(join: JoinState, label: PlainLabel): Fate {
  const n = findEntry(join, label);
  if (n < 0) return "waiting";
  const time = join.held.time[n & join.held.mask] ?? 0;
  if (time < label.time - join.settings.windowMs) return "late";
  return judgeEntry(join, n, label, label.record !== null, () => undefined);
}

function dropWaiting(join: JoinState, one: Waiting): void {
  one.isDone = true;
  const key = keyText(one.keyLow, one.keyHigh);
  const rest = join.waiting.get(key)?.filter((other) => other !== one) ?? [];
  if (rest.length === 0) join.waiting.delete(key);
  else join.waiting.set(key, rest);
}

/** Labels whose decision did not come within W are unknown. */
export function expireWaiting(join: JoinState, time: number): void {
  for (; join.done < join.queue.length; join.done++) {
    const one = join.queue[join.done];
    if (!one || one.isDone) continue;
    if (one.time + join.settings.windowMs >= time) break;
    dropWaiting(join, one);
    if (one.fate === "late") continue;
    count(join, "waiting", -1);
    count(join, "unknown");
  }
  if (join.done < 1_000 || join.done * 2 < join.queue.length) return;
  join.queue = join.queue.slice(join.done);
  join.done = 0;
}

/** Joins labels that came before their decision, in the order they came. */
export function joinWaiting(join: JoinState, n: number): void {
  const at = n & join.held.mask;
  const key = keyText(join.held.keyLow[at] ?? 0, join.held.keyHigh[at] ?? 0);
  for (const one of [...(join.waiting.get(key) ?? [])]) {
    if (!isRecordOf(join.held, n, one.record)) continue;
    dropWaiting(join, one);
    count(join, one.fate, -1);
    count(join, joinLabel(join, n, one));
  }
}
