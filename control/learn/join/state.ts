/**
 * The join of labels and decisions of one partition. Events are taken in by log time, decisions
 * before labels of the same millisecond: that order is in the log, so the state is a function of
 * the log, however it was read.
 *
 * A label counts for a decision when |its intake - the decision's intake| <= W. A label by token
 * speaks of that decision. A label by id speaks of the decision of that id, unless another one of
 * that id lies within 2 W before or W after it: then it is ambiguous and does not count, for any of
 * those within W before it; when there is none, for the first that comes. Of several labels the
 * first counts; what the decision itself carries comes before all others.
 *
 * Mark of a score: bits 0-1 label by token or of the decision itself, 2-3 label by id, 4 the one by
 * id came first, 5-7 arm. Labels: 0 none, 1 negative, 2 positive.
 */
import { type Arrivals, noteArrival, type Skips } from "./arrivals.ts";
import { createFates, type Fate, type Fates } from "./fates.ts";
import { createHeld, type Held } from "./held.ts";
import type { LabelSettings } from "./sources.ts";

export type JoinSettings = LabelSettings & {
  /** Length of a cohort of labels. */
  cohortMs: number;
  /** Decisions held at the most; above it a cohort is thinned at random. */
  holdMax: number;
  /** Labels that may wait for their decision. */
  waitMax: number;
};

/** A label as it was read from the log. */
export type PlainLabel = {
  time: number;
  /** Halves of the id hash. */
  keyLow: number;
  keyHigh: number;
  /** Of a token; null: any decision of the id. */
  record: { vmLow: number; vmHigh: number; seq: number } | null;
  label: 1 | 2;
  /** Name of the model it speaks of; empty for all. */
  model: string;
  /** Labels of acted requests do not count. */
  affectedByTag: boolean;
};

/** Decisions of one label cohort. */
export type HeldCohort = {
  cohort: number;
  /** Entries [first, next cohort's first). */
  first: number;
  seen: number;
  /** Held by class: 0 audit and what explores, 1 the rest; and how often each was halved. */
  kept: [number, number];
  halved: [number, number];
  /** Offsets of its decisions, and of the labels read when it began. */
  from: bigint;
  to: bigint;
  labelsFrom: bigint;
};

export type Waiting = PlainLabel & { fate: "waiting" | "late"; isDone: boolean };

export type JoinState = {
  settings: JoinSettings;
  held: Held;
  /** Ascending, closed ones included while their ids are needed. */
  cohorts: HeldCohort[];
  /** The oldest cohort that is not closed; -1 before the first decision. */
  open: number;
  time: number;
  /** Digests, and names of models, by the number that entries carry. */
  tables: { digest: string; models: readonly string[] }[];
  tableNumbers: Map<string, number>;
  /** With more than these, those of which nothing is held are let go: twice as many as were left. */
  tablesMax: number;
  fates: Fates;
  /** Label events and labels on decisions that were taken in. */
  accepted: number;
  /** Fates are counted: not while what a checkpoint counted is replayed. */
  isCounting: boolean;
  waiting: Map<string, Waiting[]>;
  /** The same ones by their time; the first `done` have been looked at. */
  queue: Waiting[];
  done: number;
  arrivals: Arrivals;
  skips: Skips;
};

/** Names of so many tables are kept whatever is held. */
export const TABLES_MIN = 256;

export function createJoin(settings: JoinSettings): JoinState {
  return {
    settings,
    held: createHeld(),
    cohorts: [],
    open: -1,
    time: 0,
    tables: [],
    tableNumbers: new Map(),
    tablesMax: TABLES_MIN,
    fates: createFates(),
    accepted: 0,
    isCounting: true,
    waiting: new Map(),
    queue: [],
    done: 0,
    arrivals: new Map(),
    skips: new Map(),
  };
}

/** Counts a fate, unless a checkpoint has counted it already. */
export function count(join: JoinState, fate: Fate, by = 1): void {
  if (join.isCounting) join.fates[fate] += by;
}

/** A label or a heartbeat of a source was heard at the join's time. */
export function note(join: JoinState, source: string, isLabel: boolean): void {
  noteArrival(join.arrivals, source, join.time, join.settings.cohortMs, isLabel);
}

export const endOf = ({ settings }: JoinState, cohort: number): number =>
  (cohort + 1) * settings.cohortMs;

/** The oldest cohort whose ids the open ones need: 2 W before the oldest open one. */
export const oldestNeeded = ({ open, settings }: JoinState): number =>
  open - Math.ceil((2 * settings.windowMs) / settings.cohortMs);
