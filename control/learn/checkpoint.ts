/**
 * Checkpoints in limen.counts: counts of closed cohorts, and what the fold knew where replay begins.
 *   key counts/PARTITION/MODEL DIGEST/COHORT/SEGMENT    -> limen.v1.Counts
 *   key labelled/PARTITION/MODEL DIGEST/COHORT/SEGMENT  -> limen.v1.Counts with final labels
 *   key labelled/PARTITION/COHORT                       -> limen.v1.LabelCohort
 *   key checkpoint/PARTITION                            -> limen.v1.Checkpoint
 * One append holds all records of a checkpoint, so they are in the log together or not at all.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Checkpoint,
  CheckpointSchema,
  CountsSchema,
  JoinedSchema,
  LabelCohortSchema,
} from "../events/counts_pb.ts";
import type { NewEvent, StoredEvent } from "../events/log.ts";
import type { Slice } from "./cells.ts";
import type { LabelledCohort } from "./join/close.ts";
import { oldestNeeded } from "./join/state.ts";
import type { Joining } from "./joining.ts";
import { packCells } from "./pack.ts";
import type { VmSeqs } from "./seqs.ts";
import type { CohortCounts, LearnState } from "./state.ts";

const record = (key: string, value: Uint8Array): NewEvent => ({
  topic: "limen.counts",
  key: new Uint8Array(Buffer.from(key)),
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
    cells: packCells(slice.cells.values()),
  });
  const key = `counts/${partition}/${modelDigest}/${cohort.cohort}/${segment}`;
  return record(key, toBinary(CountsSchema, value));
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
    const packed = packCells(cells.values());
    const value = create(CountsSchema, { ...shared, modelDigest, segment, cells: packed });
    const key = `labelled/${partition}/${modelDigest}/${closed.cohort}/${segment}`;
    return record(key, toBinary(CountsSchema, value));
  });
  const numbers = { held: BigInt(held), seen: BigInt(seen), silence };
  const whole = create(LabelCohortSchema, { ...shared, ...numbers });
  const key = `labelled/${partition}/${closed.cohort}`;
  return [...slices, record(key, toBinary(LabelCohortSchema, whole))];
}

const vmOf = (vm: VmSeqs) => ({
  node: vm.node,
  vm: vm.vm,
  low: BigInt(vm.low),
  high: BigInt(vm.high),
  gaps: vm.gaps.flat().map(BigInt),
  closedMissing: BigInt(vm.closedMissing),
});

/** What the fold knows here, before the next decision: replay can begin from it. */
function describeState(state: LearnState): Checkpoint {
  const { settings, counters, seqs } = state;
  return create(CheckpointSchema, {
    partition: settings.partition,
    next: state.next,
    sliceMs: settings.sliceMs,
    decisions: BigInt(counters.decisions),
    duplicates: BigInt(counters.duplicates),
    late: BigInt(counters.late),
    rejected: BigInt(counters.rejected),
    statuses: Object.fromEntries([...state.statuses].map(([name, n]) => [name, BigInt(n)])),
    vms: [...seqs.vms.values()].map(vmOf),
    retiredMissing: BigInt(seqs.retiredMissing),
    retiredUnseen: BigInt(seqs.retiredUnseen),
    cohort: BigInt(state.open),
    ...(state.joining && { joined: { labelsNext: state.joining.labelsNext } }),
  });
}

/** Keeps the state at the first decision of a cohort of labels: call it between `closeCohort` and
 * `foldEvent`, after the labels before that decision. */
export function noteSnapshot(state: LearnState, event: StoredEvent): void {
  const { joining } = state;
  if (!joining) return;
  const { snapshots, join } = joining;
  const cohort = Math.floor(event.time / join.settings.cohortMs);
  if (snapshots.at(-1)?.cohort !== cohort) {
    snapshots.push({ cohort, checkpoint: describeState(state) });
  }
}

/** The newest snapshot from which all that open cohorts need is replayed. */
function chooseSnapshot({ snapshots, join, origin }: Joining): Checkpoint {
  const needed = oldestNeeded(join);
  while ((snapshots[1]?.cohort ?? needed + 1) <= needed) snapshots.shift();
  const [oldest] = snapshots;
  // Labels before the first decision of all are in no snapshot.
  return oldest && oldest.cohort <= needed ? oldest.checkpoint : origin;
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

function checkpointRecord(state: LearnState): NewEvent {
  const { joining } = state;
  const base = joining ? chooseSnapshot(joining) : describeState(state);
  const labelsNext = base.joined?.labelsNext ?? 0n;
  const value = {
    ...base,
    rejectedTo: state.rejectedTo,
    ...(joining && {
      joined: create(JoinedSchema, { ...describeJoin(state, joining), labelsNext }),
    }),
  };
  return record(`checkpoint/${state.settings.partition}`, toBinary(CheckpointSchema, value));
}

/**
 * The records of a checkpoint at a boundary: after `closeCohort` and before the first event of the
 * new cohort is folded. They hold all that was closed since the last one.
 */
export function takeCheckpoint(state: LearnState): { counts: NewEvent[]; rejected: NewEvent[] } {
  const { joining } = state;
  const free = state.unsaved.flatMap((cohort) =>
    [...cohort.slices.values()].map((slice) => countsRecord(state, cohort, slice)),
  );
  const { partition } = state.settings;
  const labelled = joining?.unsaved.flatMap((closed) => labelledRecords(partition, closed)) ?? [];
  if (state.rejectedTo < state.next) state.rejectedTo = state.next;
  const counts = [...free, ...labelled, checkpointRecord(state)];
  const taken = { counts, rejected: state.rejected };
  state.unsaved = [];
  state.rejected = [];
  if (joining) joining.unsaved = [];
  return taken;
}
