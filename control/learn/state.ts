/**
 * The fold over one partition of limen.decisions: integers only, a function of the log. Two folds
 * of the same events hold the same counts, wherever one of them was stopped and restored.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { rejectEvent } from "../collect/decode.ts";
import { type DecisionRecord, type RecordedModel, readRecord } from "../collect/record.ts";
import { LimenError } from "../errors.ts";
import { type Decision, DecisionSchema } from "../events/decision_pb.ts";
import type { NewEvent, StoredEvent } from "../events/log.ts";
import { createSeqs, noteSeq, type Seqs } from "./seqs.ts";

/** What is needed of a table: names for the numbers in a record. */
export type TableNames = {
  readonly segments: readonly string[];
  readonly models: readonly { readonly name: string; readonly digest: string }[];
};
/** The table of a digest (16 hex digits), when it is known. */
export type NamesOf = (tableDigest: string) => TableNames | undefined;

export const LABEL_NONE = 0;

export type Cell = {
  tableDigest: string;
  /** ARM_* of models/decision.ts. */
  arm: number;
  bin: number;
  /** LABEL_NONE; others come with labels. */
  label: number;
  count: number;
};

/** Counts of one model and segment within a cohort. */
export type Slice = { modelDigest: string; segment: string; cells: Map<string, Cell> };

export type CohortCounts = {
  /** Intake time divided by the length of a slice, rounded down. */
  cohort: number;
  /** Offsets of its events: [from, to). */
  from: bigint;
  to: bigint;
  /** Sum of all cells: a decision counts once for each model that scored it. */
  scored: number;
  slices: Map<string, Slice>;
};

export type FoldCounters = {
  /** Distinct decisions counted, scored or not. */
  decisions: number;
  duplicates: number;
  /** Arrived after their gap was given up; not counted as decisions. */
  late: number;
  rejected: number;
};

export type FoldSettings = {
  partition: number;
  /** Length of a cohort. */
  sliceMs: number;
  /** Checkpoints are at least this far apart, in the log's time. */
  checkpointMs: number;
  /** Closed cohorts stay in memory while the newer ones hold fewer scored decisions than this. */
  keepScored: number;
};

export type LearnState = {
  settings: FoldSettings;
  /** Offset of the next event to fold. */
  next: bigint;
  counters: FoldCounters;
  /** Decisions by "STATUS/REASON", numbers of models/decision.ts. */
  statuses: Map<string, number>;
  seqs: Seqs;
  /** Ascending; the last one may be open. */
  cohorts: Map<number, CohortCounts>;
  /** Cohort of the newest event; -1 before the first. */
  open: number;
  /** Closed and not in a checkpoint yet. */
  unsaved: CohortCounts[];
  /** Rejected since the last checkpoint; at most REJECTED_MAX, the rest is only counted. */
  rejected: NewEvent[];
};

const REJECTED_MAX = 1_000;

export function createState(settings: FoldSettings): LearnState {
  return {
    settings,
    next: 0n,
    counters: { decisions: 0, duplicates: 0, late: 0, rejected: 0 },
    statuses: new Map(),
    seqs: createSeqs(),
    cohorts: new Map(),
    open: -1,
    unsaved: [],
    rejected: [],
  };
}

export const cohortOf = (state: LearnState, time: number): number =>
  Math.floor(time / state.settings.sliceMs);

/** Lets go of closed cohorts that the newer closed ones make unneeded. */
export function retireCohorts(state: LearnState): void {
  const closed = [...state.cohorts.values()].filter(({ cohort }) => cohort !== state.open);
  let scored = closed.reduce((sum, cohort) => sum + cohort.scored, 0);
  for (const oldest of closed) {
    scored -= oldest.scored;
    if (scored < state.settings.keepScored) return;
    state.cohorts.delete(oldest.cohort);
  }
}

/** Closes the open cohort when the event belongs to a later one; true when it did. */
export function closeCohort(state: LearnState, event: StoredEvent): boolean {
  const cohort = cohortOf(state, event.time);
  if (cohort <= state.open) return false;
  const closed = state.cohorts.get(state.open);
  if (closed) state.unsaved.push(closed);
  const isFirst = state.open < 0;
  state.open = cohort;
  if (!isFirst) retireCohorts(state);
  return !isFirst;
}

function openCohort(state: LearnState, offset: bigint): CohortCounts {
  const found = state.cohorts.get(state.open);
  if (found) return found;
  const slices = new Map<string, Slice>();
  const made = { cohort: state.open, from: offset, to: offset, scored: 0, slices };
  state.cohorts.set(state.open, made);
  return made;
}

/** Adds to a cell of the slice, which is made when it is the first of its model and segment. */
export function addToCell(
  cohort: CohortCounts,
  modelDigest: string,
  segment: string,
  cell: Cell,
): void {
  const name = `${modelDigest}/${segment}`;
  const slice = cohort.slices.get(name) ?? { modelDigest, segment, cells: new Map() };
  cohort.slices.set(name, slice);
  const key = `${cell.tableDigest}/${cell.arm}/${cell.bin}/${cell.label}`;
  const found = slice.cells.get(key);
  if (found) found.count += cell.count;
  else slice.cells.set(key, { ...cell });
  cohort.scored += cell.count;
}

type Named = RecordedModel & { modelDigest: string; segmentName: string };

/** The models that scored, by name; throws when the table does not have them. */
function nameModels(record: DecisionRecord, namesOf: NamesOf): Named[] {
  if (!record.models.some(({ bin }) => bin !== null)) return [];
  const names = namesOf(record.tableDigest);
  if (!names) {
    throw new LimenError("input", `decision: table ${record.tableDigest} is not in the history`);
  }
  return record.models.flatMap((model, index) => {
    if (model.bin === null) return [];
    const modelDigest = names.models[index]?.digest;
    const segmentName = names.segments[model.segment];
    if (modelDigest === undefined || segmentName === undefined) {
      const what = `model ${index} or segment ${model.segment}`;
      throw new LimenError("input", `decision: table ${record.tableDigest} has no ${what}`);
    }
    return [{ ...model, modelDigest, segmentName }];
  });
}

function countDecision(
  state: LearnState,
  event: StoredEvent,
  record: DecisionRecord,
  named: readonly Named[],
): void {
  state.counters.decisions++;
  const status = `${record.status}/${record.reason}`;
  state.statuses.set(status, (state.statuses.get(status) ?? 0) + 1);
  const cohort = openCohort(state, event.offset);
  for (const { modelDigest, segmentName, arm, bin } of named) {
    const { tableDigest } = record;
    const cell = { tableDigest, arm, bin: bin ?? 0, label: LABEL_NONE, count: 1 };
    addToCell(cohort, modelDigest, segmentName, cell);
  }
  cohort.to = event.offset + 1n;
}

function reject(state: LearnState, thrown: unknown, decision: Decision | undefined): void {
  state.counters.rejected++;
  if (state.rejected.length >= REJECTED_MAX) return;
  const { node = "", workload = "", record } = decision ?? {};
  const reason = LimenError.from(thrown, "decision").message;
  state.rejected.push(rejectEvent(reason, { node, workload }, record));
}

/** Takes one event in; call `closeCohort` before it. Never throws. */
export function foldEvent(state: LearnState, event: StoredEvent, namesOf: NamesOf): void {
  state.next = event.offset + 1n;
  let decision: Decision | undefined;
  try {
    decision = fromBinary(DecisionSchema, event.value ?? new Uint8Array(0));
    const record = readRecord(decision.record);
    const arrival = noteSeq(state.seqs, decision.node, record.vm, record.seq);
    if (arrival === "duplicate") state.counters.duplicates++;
    else if (arrival === "late") state.counters.late++;
    else countDecision(state, event, record, nameModels(record, namesOf));
  } catch (thrown) {
    reject(state, thrown, decision);
  }
}
