/**
 * Checkpoints in limen.counts: counts of closed cohorts, and what the fold knew where replay begins.
 *   key counts/PARTITION/MODEL DIGEST/COHORT/SEGMENT    -> limen.v1.Counts
 *   key labelled/PARTITION/MODEL DIGEST/COHORT/SEGMENT  -> limen.v1.Counts with final labels
 *   key labelled/PARTITION/COHORT                       -> limen.v1.LabelCohort
 *   key vms/PARTITION/WRITER/0 or 1/NUMBER              -> limen.v1.Vms, seqs where replay begins
 *   key loss/PARTITION/WRITER/NUMBER                    -> limen.v1.Vms, seqs at a cut, no gaps
 *   key checkpoint/PARTITION/WRITER                     -> limen.v1.Checkpoint
 * They lie in the partition of limen.counts that has the number of the decisions', in this order.
 *
 * A checkpoint is whole once its last record is there, and says how many records of which
 * generation hold its VMs. Generations take turns at two sets of keys, so the set of the checkpoint
 * that is there stays as it is until the next one is whole. A writer is one process: two of them
 * that fold one partition never touch each other's checkpoint, and what they write of cohorts is
 * the same. Once a process has written its first checkpoint it removes those it found.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  CheckpointSchema,
  CountsSchema,
  JoinedSchema,
  LabelCohortSchema,
  ProgressSchema,
  type Vms,
  VmsSchema,
} from "../events/counts_pb.ts";
import type { NewEvent, StoredEvent } from "../events/log.ts";
import type { Slice } from "./cells.ts";
import type { LabelledCohort } from "./join/close.ts";
import { oldestNeeded } from "./join/state.ts";
import type { Joining, Snapshot } from "./joining.ts";
import { writeCells } from "./pack.ts";
import type { CohortCounts, LearnState } from "./state.ts";
import { packLoss, packVms, splitVms } from "./vms.ts";

const record = (partition: number, key: string, value: Uint8Array): NewEvent => ({
  topic: "limen.counts",
  key: new Uint8Array(Buffer.from(key)),
  partition,
  value,
});

function countsRecord(state: LearnState, cohort: CohortCounts, slice: Slice): NewEvent {
  const { partition, sliceMs } = state.settings;
  const { modelDigest, segment } = slice;
  const value = create(CountsSchema, {
    partition,
    modelDigest,
    segment,
    cohort: BigInt(cohort.cohort),
    sliceMs,
    decisions: { from: cohort.from, to: cohort.to },
  });
  const key = `counts/${partition}/${modelDigest}/${cohort.cohort}/${segment}`;
  const cells = writeCells(slice.cells.values());
  return record(partition, key, Buffer.concat([toBinary(CountsSchema, value), cells]));
}

/** A closed cohort of labels: one record a slice, and one that says it is whole. */
function labelledRecords(partition: number, closed: LabelledCohort): NewEvent[] {
  const { cohortMs, windowMs, decisions, labels, held, seen, silence } = closed;
  const shared = {
    partition,
    cohort: BigInt(closed.cohort),
    sliceMs: cohortMs,
    windowMs: BigInt(windowMs),
    decisions,
    labels,
  };
  const slices = [...closed.slices.values()].map(({ modelDigest, segment, cells }) => {
    const value = create(CountsSchema, { ...shared, modelDigest, segment });
    const key = `labelled/${partition}/${modelDigest}/${closed.cohort}/${segment}`;
    const bytes = [toBinary(CountsSchema, value), writeCells(cells.values())];
    return record(partition, key, Buffer.concat(bytes));
  });
  const numbers = { held: BigInt(held), seen: BigInt(seen), silence };
  const whole = create(LabelCohortSchema, { ...shared, ...numbers });
  const key = `labelled/${partition}/${closed.cohort}`;
  return [...slices, record(partition, key, toBinary(LabelCohortSchema, whole))];
}

const countersOf = ({ counters, statuses }: LearnState) => ({
  decisions: BigInt(counters.decisions),
  duplicates: BigInt(counters.duplicates),
  late: BigInt(counters.late),
  rejected: BigInt(counters.rejected),
  statuses: Object.fromEntries([...statuses].map(([name, n]) => [name, BigInt(n)])),
});

/** What the fold knows here, before the next decision: replay can begin from it. */
function describeState(state: LearnState, cohort: number): Snapshot {
  const { settings, seqs, joining } = state;
  const checkpoint = create(CheckpointSchema, {
    ...countersOf(state),
    partition: settings.partition,
    next: state.next,
    sliceMs: settings.sliceMs,
    retiredMissing: BigInt(seqs.retiredMissing),
    retiredUnseen: BigInt(seqs.retiredUnseen),
    cohort: BigInt(state.open),
    ...(joining && { joined: { labelsNext: joining.labelsNext } }),
  });
  return { cohort, checkpoint, vms: packVms(seqs) };
}

/** Keeps the state at the first decision of a cohort of labels: call it between `closeCohort` and
 * `foldEvent`, after the labels before that decision. */
export function noteSnapshot(state: LearnState, event: StoredEvent): void {
  const { joining } = state;
  if (!joining) return;
  const { snapshots, join } = joining;
  const cohort = Math.floor(event.time / join.settings.cohortMs);
  if (snapshots.at(-1)?.cohort !== cohort) snapshots.push(describeState(state, cohort));
}

/** The newest snapshot from which all that open cohorts need is replayed. */
function chooseSnapshot({ snapshots, join, origin }: Joining): Snapshot {
  const needed = oldestNeeded(join);
  while ((snapshots[1]?.cohort ?? needed + 1) <= needed) snapshots.shift();
  const [oldest] = snapshots;
  // Labels before the first decision of all are in no snapshot.
  return oldest && oldest.cohort <= needed ? oldest : origin;
}

const sizeOf = (vms: readonly Uint8Array[]): number =>
  vms.reduce((sum, { length }) => sum + length, 0);

/** Large states are written less often: replay from the last one is what it costs. */
const BYTES_PER_MS = 1_000;

/** Without labels any boundary will do. */
function chooseOwn(state: LearnState): Snapshot {
  const { saved, settings, open } = state;
  const now = open * settings.sliceMs;
  const { snapshot } = saved;
  const isDue = snapshot && now - saved.snapshotAt >= sizeOf(snapshot.vms) / BYTES_PER_MS;
  return snapshot && !isDue ? snapshot : describeState(state, open);
}

function describeJoin(state: LearnState, joining: Joining) {
  const { join, labelsNext, counted } = joining;
  const fates = Object.entries(join.fates).map(([fate, n]) => [fate, BigInt(n)] as const);
  const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);
  return {
    windowMs: BigInt(join.settings.windowMs),
    cohortMs: join.settings.cohortMs,
    decisionsCounted: later(state.next, counted.decisions),
    labelsCounted: later(labelsNext, counted.labels),
    open: BigInt(Math.max(0, join.open)),
    fates: Object.fromEntries(fates),
    accepted: BigInt(join.accepted),
  };
}

type VmsFields = Pick<Vms, "generation"> & Partial<Pick<Vms, "lossFrom" | "lossTo" | "lossParts">>;

function vmsRecords(partition: number, prefix: string, own: VmsFields, parts: Uint8Array[][]) {
  return parts.map((vms, number) => {
    const value = toBinary(VmsSchema, create(VmsSchema, { ...own, vms }));
    return record(partition, `${prefix}/${number}`, value);
  });
}

/** The VMs where replay begins, unless they were written already. */
function saveVms(state: LearnState, base: Snapshot): NewEvent[] {
  const { saved, settings, open } = state;
  if (saved.snapshot === base) return [];
  saved.snapshot = base;
  saved.snapshotAt = open * settings.sliceMs;
  saved.generation++;
  const prefix = `vms/${settings.partition}/${saved.writer}/${saved.generation & 1n}`;
  const { generation } = saved;
  const records = vmsRecords(settings.partition, prefix, { generation }, splitVms(base.vms));
  saved.vmRecords = records.length;
  return records;
}

/** The loss at the newest cut, unless it was written already. */
function saveLoss({ saved, settings }: LearnState): NewEvent[] {
  const { loss, writer, generation } = saved;
  const newest = loss.taken.at(-1);
  if (!newest || newest.to <= loss.writtenTo) return [];
  const split = splitVms(packLoss(newest));
  // One without VMs is a record too: nothing was seen by then.
  const parts = split.length > 0 ? split : [[]];
  loss.writtenTo = newest.to;
  loss.parts = parts.length;
  const range = { lossFrom: BigInt(newest.from), lossTo: BigInt(newest.to) };
  const own = { generation, ...range, lossParts: parts.length };
  return vmsRecords(settings.partition, `loss/${settings.partition}/${writer}`, own, parts);
}

function checkpointRecord(state: LearnState, { checkpoint }: Snapshot): NewEvent {
  const { joining, saved, settings } = state;
  const labelsNext = checkpoint.joined?.labelsNext ?? 0n;
  const progress = create(ProgressSchema, {
    ...countersOf(state),
    next: state.next,
    cohort: BigInt(state.open),
    time: BigInt(joining?.join.time ?? 0),
    toldTo: state.toldTo,
  });
  const value = {
    ...checkpoint,
    rejectedTo: state.rejectedTo,
    vms: [],
    vmRecords: saved.vmRecords,
    generation: saved.generation,
    lossRecords: saved.loss.parts,
    progress,
    ...(joining && {
      joined: create(JoinedSchema, { ...describeJoin(state, joining), labelsNext }),
    }),
  };
  const key = `checkpoint/${settings.partition}/${saved.writer}`;
  return record(settings.partition, key, toBinary(CheckpointSchema, value));
}

/** What a checkpoint appends, in order, and the offset up to which it holds decisions. */
export type TakenCheckpoint = { counts: NewEvent[]; rejected: NewEvent[]; next: bigint };

/**
 * The records of a checkpoint at a boundary: after `closeCohort` and before the first event of the
 * new cohort is folded. They hold all that was closed since the last one.
 */
export function takeCheckpoint(state: LearnState): TakenCheckpoint {
  const { joining, saved } = state;
  const { partition } = state.settings;
  const free = state.unsaved.flatMap((cohort) =>
    [...cohort.slices.values()].map((slice) => countsRecord(state, cohort, slice)),
  );
  const labelled = joining?.unsaved.flatMap((closed) => labelledRecords(partition, closed)) ?? [];
  if (state.rejectedTo < state.next) state.rejectedTo = state.next;
  if (state.toldTo < state.next) state.toldTo = state.next;
  const base = joining ? chooseSnapshot(joining) : chooseOwn(state);
  const own = [...saveVms(state, base), ...saveLoss(state), checkpointRecord(state, base)];
  const removed = saved.stale.map((key) => ({
    topic: "limen.counts" as const,
    partition,
    key,
    value: null,
  }));
  const counts = [...free, ...labelled, ...own, ...removed];
  const taken = { counts, rejected: state.rejected, next: state.next };
  saved.stale = [];
  state.unsaved = [];
  state.rejected = [];
  if (joining) joining.unsaved = [];
  return taken;
}
