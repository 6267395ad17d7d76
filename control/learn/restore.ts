/** The way back from limen.counts: checkpoint.ts says what lies there. */
import { fromBinary } from "@bufbuild/protobuf";
import { LimenError } from "../errors.ts";
import {
  type Checkpoint,
  CheckpointSchema,
  type Counts,
  CountsSchema,
  type Joined,
  type LabelCohort,
  LabelCohortSchema,
  type Vm,
} from "../events/counts_pb.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";
import { addToCell, type Cells, createCells, nameSlice } from "./cells.ts";
import type { LabelledCohort } from "./join/close.ts";
import { FATES } from "./join/fates.ts";
import type { JoinSettings } from "./join/state.ts";
import { type Joining, keepClosed } from "./joining.ts";
import { unpackCells } from "./pack.ts";
import { restoreVm, type VmSeqs } from "./seqs.ts";
import { createState, type FoldSettings, type LearnState, retireCohorts } from "./state.ts";

const READ_EVENTS = 1_000;

async function* readPartition(log: EventLog, partition: number): AsyncGenerator<StoredEvent> {
  const end = await log.end("limen.counts", partition);
  let from = 0n;
  while (from < end) {
    const events = await log.read("limen.counts", partition, from, READ_EVENTS);
    const last = events.at(-1);
    if (!last) return;
    yield* events;
    from = last.offset + 1n;
  }
}

async function readRecords(log: EventLog, take: (event: StoredEvent) => void): Promise<void> {
  for (let partition = 0; partition < log.partitions("limen.counts"); partition++) {
    for await (const event of readPartition(log, partition)) take(event);
  }
}

function addCounts(cells: Cells, counts: Counts): void {
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

function pairUp(numbers: readonly bigint[]): [number, number][] {
  return Array.from({ length: numbers.length >> 1 }, (_, at) => [
    Number(numbers[2 * at]),
    Number(numbers[2 * at + 1]),
  ]);
}

const seqsOf = ({ node, vm, low, high, gaps, closedMissing }: Vm): VmSeqs => ({
  node,
  vm,
  low: Number(low),
  high: Number(high),
  gaps: pairUp(gaps),
  closedMissing: Number(closedMissing),
});

function applyCheckpoint(state: LearnState, checkpoint: Checkpoint): void {
  state.next = checkpoint.next;
  // 0 is the state before the first decision.
  state.open = Number(checkpoint.cohort) || -1;
  state.rejectedTo = checkpoint.rejectedTo;
  state.counters = {
    decisions: Number(checkpoint.decisions),
    duplicates: Number(checkpoint.duplicates),
    late: Number(checkpoint.late),
    rejected: Number(checkpoint.rejected),
  };
  for (const [name, n] of Object.entries(checkpoint.statuses)) state.statuses.set(name, Number(n));
  for (const vm of checkpoint.vms) restoreVm(state.seqs, seqsOf(vm));
  state.seqs.retiredMissing = Number(checkpoint.retiredMissing);
  state.seqs.retiredUnseen = Number(checkpoint.retiredUnseen);
}

const withoutCells = (one: LabelCohort): LabelledCohort => ({
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
  counts: Counts[];
  labelled: Counts[];
  cohorts: LabelCohort[];
  checkpoint: Checkpoint | undefined;
};

function takeRecord(records: Records, partition: number, { key, value }: StoredEvent): void {
  const [kind, own, ...rest] = Buffer.from(key ?? [])
    .toString()
    .split("/");
  const bytes = value ?? new Uint8Array(0);
  if (own !== `${partition}`) return;
  if (kind === "counts") records.counts.push(fromBinary(CountsSchema, bytes));
  else if (kind === "checkpoint") records.checkpoint = fromBinary(CheckpointSchema, bytes);
  else if (kind !== "labelled") return;
  else if (rest.length === 1) records.cohorts.push(fromBinary(LabelCohortSchema, bytes));
  else records.labelled.push(fromBinary(CountsSchema, bytes));
}

async function collectRecords(log: EventLog, partition: number): Promise<Records> {
  const records: Records = { counts: [], labelled: [], cohorts: [], checkpoint: undefined };
  try {
    await readRecords(log, (event) => takeRecord(records, partition, event));
  } catch (thrown) {
    throw LimenError.from(thrown, "reading limen.counts");
  }
  return records;
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
function isComparable(checkpoint: Checkpoint, { settings, joining }: LearnState): boolean {
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
  const records = await collectRecords(log, settings.partition);
  const { checkpoint } = records;
  if (!checkpoint || !isComparable(checkpoint, state)) return state;
  const { next, joined } = checkpoint;
  applyCheckpoint(state, checkpoint);
  if (state.joining && joined) {
    state.joining.origin = checkpoint;
    restoreJoin(state.joining, joined, records);
  }
  const closed = records.counts
    .filter((one) => one.sliceMs === settings.sliceMs && (one.decisions?.to ?? 0n) <= next)
    .sort((a, b) => Number(a.cohort - b.cohort));
  for (const one of closed) restoreCohort(state, one);
  retireCohorts(state);
  return state;
}
