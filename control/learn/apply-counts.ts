/** The state of a partition that another process folds, out of the records it writes. */
import type { Checkpoint, Progress, Vms } from "../events/counts_pb.ts";
import { createCells } from "./cells.ts";
import type { CountsRecord } from "./counts-records.ts";
import type { LabelledCohort } from "./join/close.ts";
import { FATES } from "./join/fates.ts";
import { type Joining, keepClosed } from "./joining.ts";
import { keepLoss, type TakenLoss } from "./loss.ts";
import { addCounts, isComparable, withoutCells } from "./restore.ts";
import { restoreVm } from "./seqs.ts";
import { type CohortCounts, type LearnState, retireCohorts } from "./state.ts";
import { unpackLoss, unpackVm } from "./vms.ts";

type Held<Kind> = Extract<CountsRecord, { kind: Kind }>;

export type Mirror = {
  state: LearnState;
  /** Records of cohorts that no checkpoint has covered yet, by key: the latest of each. */
  counts: Map<string, Held<"counts">>;
  labelled: Map<string, Held<"labelled">>;
  closed: Map<string, Held<"cohort">>;
  checkpoints: Map<string, Checkpoint>;
  /** By writer, and number of the record. */
  loss: Map<string, Vms[]>;
  /** Cohorts up to these were let go, or told. */
  letGo: number;
  told: number;
  labelledLetGo: number;
};

/** Records that wait, at the most, before those of the oldest cohorts are let go. */
const WAITING_MAX = 200_000;

export const createMirror = (state: LearnState): Mirror => ({
  state,
  counts: new Map(),
  labelled: new Map(),
  closed: new Map(),
  checkpoints: new Map(),
  loss: new Map(),
  letGo: -1,
  told: -1,
  labelledLetGo: -1,
});

/** Lets go of the older half: more than are kept, once they are applied. */
function dropOldest(mirror: Mirror): void {
  const cohorts = [...mirror.counts.values()].map(({ counts }) => Number(counts.cohort));
  const middle = cohorts.sort((a, b) => a - b)[cohorts.length >> 1] ?? 0;
  for (const [key, { counts }] of mirror.counts) {
    if (Number(counts.cohort) <= middle) mirror.counts.delete(key);
  }
  mirror.letGo = Math.max(mirror.letGo, middle);
}

/** Keeps a loss as soon as it is whole: it holds by itself, and the next takes its keys. */
function holdLoss(mirror: Mirror, parts: readonly Vms[]): TakenLoss | null {
  const taken = unpackLoss(parts);
  if (taken) keepLoss(mirror.state.saved.loss, taken);
  return taken;
}

/** Keeps a record until `applyNewest`; one of the same key takes the place of the one before. */
export function holdRecord(mirror: Mirror, record: CountsRecord): void {
  if (record.kind === "counts") mirror.counts.set(record.key, record);
  else if (record.kind === "labelled") mirror.labelled.set(record.key, record);
  else if (record.kind === "cohort") mirror.closed.set(record.key, record);
  else if (record.kind === "checkpoint") mirror.checkpoints.set(record.writer, record.checkpoint);
  else if (record.kind === "loss") {
    const parts = mirror.loss.get(record.writer) ?? [];
    mirror.loss.set(record.writer, parts);
    parts[record.number] = record.vms;
    holdLoss(mirror, parts);
  }
  if (mirror.counts.size > WAITING_MAX) dropOldest(mirror);
}

function sortKeys<Value>(map: Map<number, Value>): void {
  const entries = [...map];
  if (entries.every(([key], at) => at === 0 || key > (entries[at - 1]?.[0] ?? 0))) return;
  map.clear();
  for (const [key, value] of entries.sort(([a], [b]) => a - b)) map.set(key, value);
}

/** Takes the place of what was counted of the same model, segment and cohort. */
function replaceCounts(state: LearnState, { counts }: Held<"counts">): CohortCounts {
  const cohort = Number(counts.cohort);
  const { from = 0n, to = 0n } = counts.decisions ?? {};
  const found = state.cohorts.get(cohort) ?? { ...createCells(), cohort, from, to };
  const key = `${counts.modelDigest}/${counts.segment}`;
  for (const { count } of found.slices.get(key)?.cells.values() ?? []) found.scored -= count;
  found.slices.delete(key);
  addCounts(found, counts);
  state.cohorts.set(cohort, found);
  return found;
}

/** Cohorts of which the decisions before `next` hold all; those that are new, ascending. */
function applyCounts(mirror: Mirror, next: bigint): CohortCounts[] {
  const { state } = mirror;
  const fresh = new Map<number, CohortCounts>();
  for (const [key, record] of mirror.counts) {
    const { counts } = record;
    if ((counts.decisions?.to ?? 0n) > next) continue;
    mirror.counts.delete(key);
    const cohort = Number(counts.cohort);
    if (counts.sliceMs !== state.settings.sliceMs || cohort <= mirror.letGo) continue;
    const found = replaceCounts(state, record);
    if (cohort > mirror.told) fresh.set(cohort, found);
  }
  sortKeys(state.cohorts);
  const before = state.cohorts.size;
  const told = [...fresh.values()].sort((a, b) => a.cohort - b.cohort);
  mirror.told = told.at(-1)?.cohort ?? mirror.told;
  retireCohorts(state);
  const [oldest] = state.cohorts.keys();
  if (state.cohorts.size < before) mirror.letGo = (oldest ?? state.open) - 1;
  return told;
}

/** Keeps a closed cohort, unless it is older than what was let go of. */
function keepInOrder(mirror: Mirror, joining: Joining, closed: LabelledCohort): void {
  if (closed.cohort <= mirror.labelledLetGo) return;
  const [first] = joining.closed.keys();
  keepClosed(joining, closed);
  sortKeys(joining.closed);
  if (first === undefined || joining.closed.has(first)) return;
  const [oldest = first + 1] = joining.closed.keys();
  mirror.labelledLetGo = oldest - 1;
}

function applyClosed(mirror: Mirror, joining: Joining): void {
  const { open, settings } = joining.join;
  const slices = Map.groupBy(mirror.labelled.values(), ({ counts }) => counts.cohort);
  const covered = [...mirror.closed.values()]
    .filter(({ cohort }) => Number(cohort.cohort) < open)
    .sort((a, b) => Number(a.cohort.cohort - b.cohort.cohort));
  for (const { key, cohort: one } of covered) {
    mirror.closed.delete(key);
    const own = slices.get(one.cohort) ?? [];
    for (const slice of own) mirror.labelled.delete(slice.key);
    if (Number(one.windowMs) !== settings.windowMs || one.sliceMs !== settings.cohortMs) continue;
    const closed = withoutCells(one);
    const ours = own.filter(({ counts }) => counts.windowMs === one.windowMs);
    for (const { counts } of ours) addCounts(closed, counts);
    keepInOrder(mirror, joining, closed);
  }
}

function applyLoss(mirror: Mirror, writer: string, { lossRecords }: Checkpoint): void {
  const parts = mirror.loss.get(writer);
  for (const other of mirror.loss.keys()) if (other !== writer) mirror.loss.delete(other);
  if (!parts) return;
  const { seqs, saved } = mirror.state;
  const taken = holdLoss(mirror, parts);
  const isTorn = !taken && parts.some((part) => part.lossParts > 0);
  if (isTorn) return;
  // Of a version that does not say as of when it is: what was taken before is not the newest.
  if (!taken) saved.loss.taken = [];
  const old = () => parts.slice(0, lossRecords).flatMap(({ vms }) => vms.map(unpackVm));
  const newest = saved.loss.taken.at(-1)?.vms.values() ?? old();
  seqs.vms.clear();
  for (const vm of newest) restoreVm(seqs, vm);
}

function applyProgress(state: LearnState, checkpoint: Checkpoint, progress: Progress): void {
  state.next = progress.next;
  state.open = Number(progress.cohort) || -1;
  state.counters = {
    decisions: Number(progress.decisions),
    duplicates: Number(progress.duplicates),
    late: Number(progress.late),
    rejected: Number(progress.rejected),
  };
  state.statuses.clear();
  for (const [name, n] of Object.entries(progress.statuses)) state.statuses.set(name, Number(n));
  state.seqs.retiredMissing = Number(checkpoint.retiredMissing);
  state.seqs.retiredUnseen = Number(checkpoint.retiredUnseen);
  const { joining } = state;
  const { joined } = checkpoint;
  if (!joining || !joined) return;
  joining.counted = { decisions: joined.decisionsCounted, labels: joined.labelsCounted };
  joining.join.open = Number(joined.open) || -1;
  joining.join.time = Number(progress.time);
  joining.join.accepted = Number(joined.accepted);
  for (const fate of FATES) joining.join.fates[fate] = Number(joined.fates[fate] ?? 0n);
}

/** Not behind what was applied: of the decisions, then of the labels. */
function isNewer({ next, joining }: LearnState, { progress, joined }: Checkpoint): boolean {
  if (!progress || progress.next < next) return false;
  if (progress.next > next || !joining) return true;
  return (joined?.labelsCounted ?? 0n) >= joining.counted.labels;
}

/**
 * Takes over what the checkpoint that has come furthest covers; the cohorts that are new, ascending.
 * Call it at the end of the log only: in a compacted log a record that was written again lies
 * behind the first checkpoint that counts on it.
 */
export function applyNewest(mirror: Mirror): CohortCounts[] {
  const { state } = mirror;
  const fresh: CohortCounts[] = [];
  for (const [writer, checkpoint] of mirror.checkpoints) {
    if (!checkpoint.progress || !isComparable(checkpoint, state)) continue;
    if (!isNewer(state, checkpoint)) continue;
    applyProgress(state, checkpoint, checkpoint.progress);
    applyLoss(mirror, writer, checkpoint);
    fresh.push(...applyCounts(mirror, checkpoint.progress.next));
    if (state.joining) applyClosed(mirror, state.joining);
  }
  mirror.checkpoints.clear();
  return fresh;
}
