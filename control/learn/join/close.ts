import { BIN_NONE } from "../../../models/record-layout.ts";
import { addToCell, type Cells, createCells } from "../cells.ts";
import { findTable, type KnownTables, type NamesOf } from "../tables.ts";
import { judgeSilence } from "./arrivals.ts";
import { armOf, labelOf } from "./marks.ts";
import { endOf, type HeldCohort, type JoinState } from "./state.ts";

/** A closed cohort of labels: its cells carry final labels. */
export type LabelledCohort = Cells & {
  /** Intake time divided by `cohortMs`, rounded down. */
  cohort: number;
  cohortMs: number;
  windowMs: number;
  /** Offsets of its decisions, and of the labels read while it was open: [from, to). */
  decisions: { from: bigint; to: bigint };
  labels: { from: bigint; to: bigint };
  /** Decisions in its cells, and all that were there: more when it was thinned. */
  held: number;
  seen: number;
  /** Why absence of a label says nothing here; empty when it does. */
  silence: string;
};

function tallyEntry(
  join: JoinState,
  n: number,
  cells: Cells,
  known: KnownTables,
  namesOf: NamesOf,
): void {
  const { held: ring } = join;
  const at = n & ring.mask;
  const isCrowded = ring.crowded[at] === 1;
  const digest = join.tables[ring.table[at] ?? 0]?.digest ?? "";
  for (let model = 0; model < (ring.scores[at] ?? 0); model++) {
    const place = at * ring.stride + model;
    const bin = ring.bin[place] ?? BIN_NONE;
    if (bin === BIN_NONE) continue;
    const name = findTable(known, digest, namesOf)?.slices[model]?.[ring.segment[place] ?? 0];
    const mark = ring.mark[place] ?? 0;
    const cell = { arm: armOf(mark), bin, label: labelOf(mark, isCrowded) };
    if (name) addToCell(cells, name, digest, cell, 1);
  }
}

/** The integers of a cohort whose window is over. `labelsTo` is the offset of the next label. */
export function closeLabels(
  join: JoinState,
  cohort: HeldCohort,
  labelsTo: bigint,
  known: KnownTables,
  namesOf: NamesOf,
): LabelledCohort {
  const { cohortMs, windowMs, sources } = join.settings;
  const next = join.cohorts[join.cohorts.indexOf(cohort) + 1];
  const last = next?.first ?? join.held.end;
  const cells = createCells();
  for (let n = cohort.first; n < last; n++) tallyEntry(join, n, cells, known, namesOf);
  const from = cohort.cohort * cohortMs;
  const span = { from, to: endOf(join, cohort.cohort) + windowMs, cohortMs };
  return {
    ...cells,
    cohort: cohort.cohort,
    cohortMs,
    windowMs,
    decisions: { from: cohort.from, to: cohort.to },
    labels: { from: cohort.labelsFrom, to: labelsTo },
    held: last - cohort.first,
    seen: cohort.seen,
    silence: judgeSilence(join.arrivals, join.skips, sources, span),
  };
}
