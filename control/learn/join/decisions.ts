import { ARM_AUDIT, ARM_CANDIDATE, ARM_EXTRA } from "../../../models/decision.ts";
import { BIN_NONE } from "../../../models/record-layout.ts";
import type { PlainDecision } from "../read-decision.ts";
import { addEntry, findPrevious, type Held, indexEntry, thinFrom } from "./held.ts";
import { joinWaiting, type Spoken, setLabel } from "./labels.ts";
import { armOf, markArm } from "./marks.ts";
import { isWatched, type LabelSource, readOutcomeLabel } from "./sources.ts";
import { count, type HeldCohort, type JoinState, note, TABLES_MIN } from "./state.ts";

/** Of the room of a cohort, what is for the audit slice and what explores. */
const AUDIT_SHARE = 0.75;

/** Marks decisions of one id that lie too near to each other for a label by id. */
function markCrowded(join: JoinState, n: number, former: number): void {
  if (former < 0) return;
  const { held: ring, settings } = join;
  const [at, before] = [n & ring.mask, former & ring.mask];
  const apart = (ring.time[at] ?? 0) - (ring.time[before] ?? 0);
  if (apart > 2 * settings.windowMs) return;
  ring.crowded[at] = 1;
  if (apart > settings.windowMs || ring.crowded[before] === 1) return;
  ring.crowded[before] = 1;
  count(join, "joined", -(ring.joined[before] ?? 0));
  count(join, "ambiguous", ring.joined[before] ?? 0);
  ring.joined[before] = 0;
}

function joinOwn(join: JoinState, n: number, decision: PlainDecision): void {
  for (const source of join.settings.sources) {
    const label = readOutcomeLabel(source, decision);
    if (label === 0) continue;
    if (isWatched(source)) note(join, source.name, true);
    if (join.isCounting) join.accepted++;
    if (label === null) count(join, "invalid");
    else count(join, setLabel(join, n, ownLabel(source, label), true));
  }
}

const ownLabel = ({ affectedByTag }: LabelSource, label: 1 | 2): Spoken => ({
  label,
  model: "",
  affectedByTag,
});

/** Numbers the tables anew that entries still name. */
function forgetTables(join: JoinState): void {
  const { held: ring, tables } = join;
  join.tables = [];
  join.tableNumbers.clear();
  const numbers = new Map<number, number>();
  for (let n = ring.first; n < ring.end; n++) {
    const at = n & ring.mask;
    const former = ring.table[at] ?? 0;
    const table = tables[former];
    if (table && !numbers.has(former)) {
      join.tableNumbers.set(table.digest, join.tables.length);
      numbers.set(former, join.tables.push(table) - 1);
    }
    ring.table[at] = numbers.get(former) ?? 0;
  }
  join.tablesMax = Math.max(TABLES_MIN, 2 * join.tables.length);
}

function numberTable(join: JoinState, digest: string, models: readonly string[]): number {
  const found = join.tableNumbers.get(digest);
  if (found !== undefined) return found;
  if (join.tables.length >= join.tablesMax) forgetTables(join);
  join.tableNumbers.set(digest, join.tables.length);
  return join.tables.push({ digest, models }) - 1;
}

const explores = (arm: number): boolean =>
  arm === ARM_AUDIT || arm === ARM_EXTRA || arm === ARM_CANDIDATE;

/** 0 when an arm of it is of the audit slice or explores, else 1. */
function classOf({ arm, models }: PlainDecision): 0 | 1 {
  for (let model = 0; model < models; model++) if (explores(arm[model] ?? 0)) return 0;
  return 1;
}

function classAt(ring: Held, at: number): 0 | 1 {
  for (let model = 0; model < (ring.scores[at] ?? 0); model++) {
    if (explores(armOf(ring.mark[at * ring.stride + model] ?? 0))) return 0;
  }
  return 1;
}

/** 32 bits off the record's number, which no client chooses. */
function hashRecord(vmLow: number, vmHigh: number, seq: number): number {
  let hash = Math.imul(vmLow ^ Math.imul(vmHigh, 0x9e3779b1), 0x85ebca6b) ^ seq;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const passes = (hash: number, halvings: number): boolean =>
  hash % 2 ** Math.min(halvings, 31) === 0;

/** Room for one more of a class in the newest cohort: half of what it holds goes when it is full. */
function makeRoom(join: JoinState, cohort: HeldCohort, own: 0 | 1): void {
  const { settings, held: ring } = join;
  const cohorts = Math.ceil((3 * settings.windowMs) / settings.cohortMs) + 2;
  const share = own === 0 ? AUDIT_SHARE : 1 - AUDIT_SHARE;
  const most = Math.max(1, Math.floor((settings.holdMax * share) / cohorts));
  if (cohort.kept[own] < most) return;
  cohort.halved[own]++;
  cohort.kept[own] = 0;
  thinFrom(ring, cohort.first, (at) => {
    if (classAt(ring, at) !== own) return true;
    const hash = hashRecord(ring.vmLow[at] ?? 0, ring.vmHigh[at] ?? 0, ring.seq[at] ?? 0);
    const isKept = passes(hash, cohort.halved[own]);
    if (isKept) cohort.kept[own]++;
    return isKept;
  });
}

function cohortAt(join: JoinState, time: number, offset: bigint, labelsFrom: bigint): HeldCohort {
  const cohort = Math.floor(time / join.settings.cohortMs);
  const newest = join.cohorts.at(-1);
  if (newest?.cohort === cohort) return newest;
  const made: HeldCohort = {
    cohort,
    first: join.held.end,
    seen: 0,
    kept: [0, 0],
    halved: [0, 0],
    from: offset,
    to: offset,
    labelsFrom,
  };
  join.cohorts.push(made);
  if (join.open < 0) join.open = cohort;
  return made;
}

/** Little-endian. */
const readInt32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) |
  ((bytes[at + 1] ?? 0) << 8) |
  ((bytes[at + 2] ?? 0) << 16) |
  ((bytes[at + 3] ?? 0) << 24);

function fill(
  join: JoinState,
  key: Uint8Array,
  { time, models }: DecisionPlace,
  decision: PlainDecision,
): number {
  const { held: ring } = join;
  const at = addEntry(ring, decision.models);
  ring.keyLow[at] = readInt32(key, 0);
  ring.keyHigh[at] = readInt32(key, 4);
  ring.time[at] = time;
  ring.vmLow[at] = decision.vmLow;
  ring.vmHigh[at] = decision.vmHigh;
  ring.seq[at] = decision.seq;
  ring.table[at] = numberTable(join, decision.tableDigest, models);
  ring.crowded[at] = 0;
  ring.joined[at] = 0;
  ring.scores[at] = decision.models;
  for (let model = 0; model < decision.models; model++) {
    const place = at * ring.stride + model;
    ring.segment[place] = decision.segment[model] ?? 0;
    ring.bin[place] = decision.bin[model] ?? BIN_NONE;
    ring.mark[place] = markArm(decision.arm[model] ?? 0);
  }
  return ring.end - 1;
}

/** Where a decision lies: its event's key, intake time and offset, and the next label's offset. */
export type DecisionPlace = {
  key: Uint8Array | null;
  time: number;
  offset: bigint;
  labelsNext: bigint;
  /** Names of the models of its table. */
  models: readonly string[];
};

/** Takes a decision in that was not seen before, after `advance` to its time. */
export function takeDecision(join: JoinState, place: DecisionPlace, decision: PlainDecision): void {
  const { key, time, offset } = place;
  const cohort = cohortAt(join, time, offset, place.labelsNext);
  cohort.seen++;
  cohort.to = offset + 1n;
  if (key?.length !== 8) return;
  const own = classOf(decision);
  const hash = hashRecord(decision.vmLow, decision.vmHigh, decision.seq);
  if (!passes(hash, cohort.halved[own])) return;
  makeRoom(join, cohort, own);
  if (!passes(hash, cohort.halved[own])) return;
  cohort.kept[own]++;
  const n = fill(join, key, place, decision);
  indexEntry(join.held);
  markCrowded(join, n, findPrevious(join.held, n));
  joinOwn(join, n, decision);
  if (join.waiting.size > 0) joinWaiting(join, n);
}
