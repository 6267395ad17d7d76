/** The way back from limen.counts: checkpoint.ts says what lies there. */
import { toBinary } from "@bufbuild/protobuf";
import {
  type Checkpoint,
  type Counts,
  type Joined,
  type LabelCohort,
  VmSchema,
  type Vms,
} from "../events/counts_pb.ts";
import type { EventLog } from "../events/log.ts";
import { addToCell, type Cells, createCells, nameSlice } from "./cells.ts";
import { type CountsRecord, readRecords } from "./counts-records.ts";
import type { LabelledCohort } from "./join/close.ts";
import { FATES } from "./join/fates.ts";
import type { JoinSettings } from "./join/state.ts";
import { type Joining, keepClosed } from "./joining.ts";
import { keepLoss } from "./loss.ts";
import { unpackCells } from "./pack.ts";
import { restoreVm } from "./seqs.ts";
import { createState, type FoldSettings, type LearnState, retireCohorts } from "./state.ts";
import { unpackLoss, unpackVm } from "./vms.ts";

/** Adds the counts of a record. */
export function addCounts(cells: Cells, counts: Counts): void {
  const name = nameSlice(counts.modelDigest, counts.segment);
  for (const cell of counts.cells.flatMap(unpackCells)) {
    addToCell(cells, name, cell.tableDigest, cell, cell.count);
  }
}

function restoreCohort(state: LearnState, counts: Counts): void {
  const cohort = Number(counts.cohort);
  const { from = 0n, to = 0n } = counts.decisions ?? {};
  const found = state.cohorts.get(cohort) ?? { ...createCells(), cohort, from, to };
  state.cohorts.set(cohort, found);
  addCounts(found, counts);
}

function applyCheckpoint(state: LearnState, { checkpoint, vms }: Found): void {
  state.next = checkpoint.next;
  // 0 is the state before the first decision.
  state.open = Number(checkpoint.cohort) || -1;
  state.rejectedTo = checkpoint.rejectedTo;
  state.toldTo = checkpoint.progress?.toldTo ?? checkpoint.joined?.decisionsCounted ?? 0n;
  state.counters = {
    decisions: Number(checkpoint.decisions),
    duplicates: Number(checkpoint.duplicates),
    late: Number(checkpoint.late),
    rejected: Number(checkpoint.rejected),
  };
  for (const [name, n] of Object.entries(checkpoint.statuses)) state.statuses.set(name, Number(n));
  for (const vm of vms) restoreVm(state.seqs, unpackVm(vm));
  state.seqs.retiredMissing = Number(checkpoint.retiredMissing);
  state.seqs.retiredUnseen = Number(checkpoint.retiredUnseen);
}

/** A closed cohort of labels before its slices are added. */
export const withoutCells = (one: LabelCohort): LabelledCohort => ({
  ...createCells(),
  cohort: Number(one.cohort),
  cohortMs: one.sliceMs,
  windowMs: Number(one.windowMs),
  decisions: { from: one.decisions?.from ?? 0n, to: one.decisions?.to ?? 0n },
  labels: { from: one.labels?.from ?? 0n, to: one.labels?.to ?? 0n },
  held: Number(one.held),
  seen: Number(one.seen),
  silence: one.silence,
});

/** Closed cohorts of labels as records hold them, ascending; of one window and length only. */
function buildClosed(records: Records, { windowMs, cohortMs }: JoinSettings): LabelledCohort[] {
  const isOurs = (one: { windowMs: bigint; sliceMs: number }): boolean =>
    Number(one.windowMs) === windowMs && one.sliceMs === cohortMs;
  const closed = new Map(
    records.cohorts.filter(isOurs).map((one) => [Number(one.cohort), withoutCells(one)]),
  );
  for (const one of records.labelled.filter(isOurs)) {
    const cohort = closed.get(Number(one.cohort));
    if (cohort) addCounts(cohort, one);
  }
  return [...closed.values()].sort((a, b) => a.cohort - b.cohort);
}

type Records = {
  /** Of all writers: checkpoints and what belongs to them. */
  keys: Set<string>;
  counts: Counts[];
  labelled: Counts[];
  cohorts: LabelCohort[];
  checkpoints: { writer: string; checkpoint: Checkpoint }[];
  /** By "WRITER/SET", then by number. */
  vms: Map<string, Vms[]>;
  /** By writer, then by number. */
  loss: Map<string, Vms[]>;
};

function putPart(sets: Map<string, Vms[]>, set: string, number: number, part: Vms): void {
  const parts = sets.get(set) ?? [];
  sets.set(set, parts);
  parts[number] = part;
}

function takeRecord(records: Records, record: CountsRecord): void {
  if (record.kind === "counts") records.counts.push(record.counts);
  else if (record.kind === "labelled") records.labelled.push(record.counts);
  else if (record.kind === "cohort") records.cohorts.push(record.cohort);
  else records.keys.add(record.key);
  if (record.kind === "checkpoint") records.checkpoints.push(record);
  else if (record.kind === "loss") putPart(records.loss, record.writer, record.number, record.vms);
  else if (record.kind === "vms") {
    putPart(records.vms, `${record.writer}/${record.set}`, record.number, record.vms);
  }
}

async function collectRecords(log: EventLog, partition: number): Promise<Records> {
  const records: Records = {
    keys: new Set(),
    counts: [],
    labelled: [],
    cohorts: [],
    checkpoints: [],
    vms: new Map(),
    loss: new Map(),
  };
  await readRecords(log, partition, (record) => takeRecord(records, record));
  return records;
}

type Found = { checkpoint: Checkpoint; vms: readonly Uint8Array[] };

/** A checkpoint with its VMs; null when some of them are of another generation or not there. */
function findWhole(records: Records, writer: string, checkpoint: Checkpoint): Found | null {
  const { vmRecords, generation, vms } = checkpoint;
  if (vmRecords === 0) return { checkpoint, vms: vms.map((vm) => toBinary(VmSchema, vm)) };
  const parts = records.vms.get(`${writer}/${generation & 1n}`) ?? [];
  const own = Array.from({ length: vmRecords }, (_, number) => parts[number]);
  if (!own.every((part) => part?.generation === generation)) return null;
  return { checkpoint, vms: own.flatMap((part) => part?.vms ?? []) };
}

const endOf = ({ progress, next }: Checkpoint): bigint => progress?.next ?? next;

/** The checkpoint that has come furthest; all are functions of the log, so any is right. */
function chooseFound(records: Records): Found | null {
  const found = records.checkpoints.flatMap(
    ({ writer, checkpoint }) => findWhole(records, writer, checkpoint) ?? [],
  );
  return found.reduce<Found | null>(
    (best, one) => (best && endOf(best.checkpoint) >= endOf(one.checkpoint) ? best : one),
    null,
  );
}

/** Another process may write while this one reads: then it reads again. */
const READS = 5;

async function readWhole(log: EventLog, partition: number) {
  for (let read = 1; ; read++) {
    const records = await collectRecords(log, partition);
    const found = chooseFound(records);
    if (found || records.checkpoints.length === 0 || read === READS) return { records, found };
  }
}

/** The newest that any writer took: the first checkpoint of this one takes its place. */
function restoreLoss({ saved }: LearnState, { loss }: Records): void {
  const all = [...loss.values()].flatMap((parts) => unpackLoss(parts) ?? []);
  for (const taken of all) keepLoss(saved.loss, taken);
}

/** Goes on with the join where the checkpoint was written; open cohorts come back by replay. */
function restoreJoin(joining: Joining, joined: Joined, records: Records): void {
  const { join } = joining;
  joining.labelsNext = joined.labelsNext;
  joining.counted = { decisions: joined.decisionsCounted, labels: joined.labelsCounted };
  join.open = Number(joined.open) || -1;
  join.accepted = Number(joined.accepted);
  for (const fate of FATES) join.fates[fate] = Number(joined.fates[fate] ?? 0n);
  for (const closed of buildClosed(records, join.settings)) {
    if (closed.cohort < join.open) keepClosed(joining, closed);
  }
}

/** Whether the cohorts of a checkpoint are cut as these settings cut them. */
export function isComparable(checkpoint: Checkpoint, { settings, joining }: LearnState): boolean {
  const { joined } = checkpoint;
  if (checkpoint.sliceMs !== settings.sliceMs) return false;
  const { windowMs = 0, cohortMs = 0 } = joining?.join.settings ?? {};
  return Number(joined?.windowMs ?? 0n) === windowMs && (joined?.cohortMs ?? 0) === cohortMs;
}

/**
 * The state as the last checkpoint of the partition left it, or an empty one; folding goes on at
 * its `next`. A checkpoint of another slice length or window is left aside: its cohorts cannot be
 * compared.
 */
export async function restoreState(log: EventLog, settings: FoldSettings): Promise<LearnState> {
  const state = createState(settings);
  const { records, found } = await readWhole(log, settings.partition);
  state.saved.stale = [...records.keys].map((key) => new Uint8Array(Buffer.from(key)));
  if (!found || !isComparable(found.checkpoint, state)) return state;
  const { checkpoint, vms } = found;
  applyCheckpoint(state, found);
  restoreLoss(state, records);
  if (state.joining && checkpoint.joined) {
    state.joining.origin = { cohort: -1, checkpoint, vms };
    restoreJoin(state.joining, checkpoint.joined, records);
  }
  const closed = records.counts
    .filter((one) => one.sliceMs === settings.sliceMs)
    .filter((one) => (one.decisions?.to ?? 0n) <= checkpoint.next)
    .sort((a, b) => Number(a.cohort - b.cohort));
  for (const one of closed) restoreCohort(state, one);
  retireCohorts(state);
  return state;
}
