/**
 * The fold over one partition of limen.decisions: integers only, a function of the log. Two folds
 * of the same events hold the same counts, wherever one of them was stopped and restored.
 */

import { randomBytes } from "node:crypto";
import { rejectEvent, rejectStored } from "../collect/decode.ts";
import { LimenError } from "../errors.ts";
import type { NewEvent, StoredEvent } from "../events/log.ts";
import type { Cells, SliceName } from "./cells.ts";
import { countDecision } from "./count-decision.ts";
import { advance } from "./join/advance.ts";
import { closeLabels } from "./join/close.ts";
import { foldLabel, noteInvalid } from "./join/fold-label.ts";
import type { LabelSettings } from "./join/sources.ts";
import { createJoining, type Joining, keepClosed, type Snapshot } from "./joining.ts";
import { createLosses, type Losses, noteCut } from "./loss.ts";
import { createDecisionReader, type DecisionReader } from "./read-decision.ts";
import { isJson, type OpenLabel, openJson } from "./relay.ts";
import { createSeqs, noteRecord, type Seqs } from "./seqs.ts";
import type { KnownTables, NamesOf } from "./tables.ts";

export type { NamesOf, TableNames } from "./tables.ts";

export type CohortCounts = Cells & {
  /** Intake time divided by the length of a slice, rounded down. */
  cohort: number;
  /** Offsets of its events: [from, to). */
  from: bigint;
  to: bigint;
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
  /** Cells of closed cohorts of labels that stay in memory. */
  keepCells: number;
  /** As of the log; true unless said. */
  hasOneClock?: boolean;
  /** Labels are joined; without it decisions are only counted. */
  labels?: LabelSettings;
  /** Reads labels that come as JSON; without it they are rejected. */
  openLabel?: OpenLabel;
  /** Decisions held for the join at the most; 1,048,576 unless said. */
  holdMax?: number;
  /** Told of each distinct scored decision in log order, after it was counted; of those that a
   * checkpoint has seen already, and that are only folded again for their labels, it is not. */
  onScored?: OnScored;
};

export type OnScored = (slice: SliceName, bin: number) => void;

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
  /** Labels that came as JSON, on their way to their places. */
  relays: NewEvent[];
  /** Rejected decisions before this offset were told already. */
  rejectedTo: bigint;
  tables: KnownTables;
  read: DecisionReader;
  /** Null when no labels are joined. */
  joining: Joining | null;
  /** Decisions before this offset were told to `onScored`, by this process or one before. */
  toldTo: bigint;
  saved: Saved;
};

/** What limen.counts holds of this fold. */
export type Saved = {
  /** Tells the records of this process from those of others that fold the same partition. */
  writer: string;
  /** The state whose VMs were written last, and in how many records. */
  snapshot: Snapshot | null;
  generation: bigint;
  vmRecords: number;
  /** When that state was: by the log, milliseconds. */
  snapshotAt: number;
  loss: Losses;
  /** Keys of writers before, not needed once there is a checkpoint of this one. */
  stale: Uint8Array[];
};

const REJECTED_MAX = 1_000;
export function createState(settings: FoldSettings): LearnState {
  return {
    relays: [],
    rejectedTo: 0n,
    toldTo: 0n,
    saved: {
      writer: randomBytes(8).toString("hex"),
      snapshot: null,
      generation: 0n,
      vmRecords: 0,
      snapshotAt: 0,
      loss: createLosses(),
      stale: [],
    },
    tables: new Map(),
    read: createDecisionReader(),
    joining: settings.labels ? createJoining({ ...settings, labels: settings.labels }) : null,
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
  noteCut(state, cohort);
  const isFirst = state.open < 0;
  state.open = cohort;
  if (!isFirst) retireCohorts(state);
  return !isFirst;
}

function reject(state: LearnState, thrown: unknown, offset: bigint, value: Uint8Array): void {
  state.counters.rejected++;
  if (state.rejected.length >= REJECTED_MAX || offset < state.rejectedTo) return;
  const { partition } = state.settings;
  const reason = LimenError.from(thrown, "decision").message;
  state.rejected.push(rejectStored(reason, value, { topic: "limen.decisions", partition, offset }));
}

function rejectLabel(state: LearnState, reason: string, offset: bigint): void {
  if (state.rejected.length >= REJECTED_MAX || !state.joining?.join.isCounting) return;
  const { partition } = state.settings;
  const place = { topic: "limen.labels", partition, offset };
  state.rejected.push(rejectEvent(reason, { node: "", workload: "" }, undefined, place));
}

/** A label in JSON is appended again at its place; here it only moves time on. */
function relay(state: LearnState, { join }: Joining, event: StoredEvent): string | null {
  if (!join.isCounting) return null;
  const opened = openJson(event, state.settings.openLabel);
  if ("reject" in opened) return noteInvalid(join, opened.reject);
  state.relays.push(...opened.events);
  return null;
}

/** Moves the join on to a time: cohorts whose window is over by it are closed. */
function advanceTo(state: LearnState, joining: Joining, time: number, namesOf: NamesOf): void {
  const { join, labelsNext, unsaved } = joining;
  if (time <= join.time) return;
  advance(join, time, (cohort) => {
    const closed = closeLabels(join, cohort, labelsNext, state.tables, namesOf);
    keepClosed(joining, closed);
    unsaved.push(closed);
  });
}

/** Takes one label in. Before a decision, all labels of an earlier time are taken in. */
export function foldLabelEvent(state: LearnState, event: StoredEvent, namesOf: NamesOf): void {
  const { joining } = state;
  if (!joining) return;
  joining.join.isCounting = event.offset >= joining.counted.labels;
  advanceTo(state, joining, event.time, namesOf);
  const reason = isJson(event) ? relay(state, joining, event) : foldLabel(joining.join, event);
  if (reason !== null) rejectLabel(state, reason, event.offset);
  joining.labelsNext = event.offset + 1n;
}

/** Takes one event in; call `closeCohort` before it. Never throws. */
export function foldEvent(state: LearnState, event: StoredEvent, namesOf: NamesOf): void {
  const { joining, read } = state;
  const { value } = event;
  if (joining) {
    joining.join.isCounting = event.offset >= joining.counted.decisions;
    advanceTo(state, joining, event.time, namesOf);
  }
  state.next = event.offset + 1n;
  // A tick: it only moves time on.
  if (value === null) return;
  try {
    const decision = read(value);
    const { node, vmLow, vmHigh, seq } = decision;
    const arrival = noteRecord(state.seqs, node, vmLow, vmHigh, seq);
    if (arrival === "duplicate") state.counters.duplicates++;
    else if (arrival === "late") state.counters.late++;
    else countDecision(state, event, decision, namesOf);
  } catch (thrown) {
    reject(state, thrown, event.offset, value);
  }
}
