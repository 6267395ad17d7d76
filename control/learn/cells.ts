import { ARM_COUNT } from "../../models/decision.ts";
import { BINS } from "../../models/limits.ts";

/** Labels of a cell. */
export const LABEL_NONE = 0;
export const LABEL_NEGATIVE = 1;
export const LABEL_POSITIVE = 2;
/** Labelled, but only by an id that several decisions have. */
export const LABEL_AMBIGUOUS = 3;
export const LABEL_COUNT = 4;

export type Cell = {
  tableDigest: string;
  /** ARM_* of models/decision.ts. */
  arm: number;
  bin: number;
  /** LABEL_*. */
  label: number;
  count: number;
};

/** Counts of one model and segment. Keys of cells mean something within their cohort only. */
export type Slice = { modelDigest: string; segment: string; cells: Map<number, Cell> };

/** What a slice is found by, made once a table. */
export type SliceName = { key: string; modelDigest: string; segment: string };

export type Cells = {
  slices: Map<string, Slice>;
  /** Numbers of table digests, in the order of their first decision. */
  tables: Map<string, number>;
  /** Sum of all cells: a decision counts once for each model that scored it. */
  scored: number;
};

export const nameSlice = (modelDigest: string, segment: string): SliceName => ({
  key: `${modelDigest}/${segment}`,
  modelDigest,
  segment,
});

export const createCells = (): Cells => ({ slices: new Map(), tables: new Map(), scored: 0 });

function sliceOf(cells: Cells, { key, modelDigest, segment }: SliceName): Slice {
  const found = cells.slices.get(key);
  if (found) return found;
  const made: Slice = { modelDigest, segment, cells: new Map() };
  cells.slices.set(key, made);
  return made;
}

function numberOf(tables: Map<string, number>, digest: string): number {
  const found = tables.get(digest);
  if (found !== undefined) return found;
  tables.set(digest, tables.size);
  return tables.size - 1;
}

/** Adds to a cell of a slice; both are made when they are the first of their kind. */
export function addToCell(
  cells: Cells,
  name: SliceName,
  tableDigest: string,
  place: Readonly<{ arm: number; bin: number; label: number }>,
  count: number,
): void {
  const own = sliceOf(cells, name).cells;
  const { arm, bin, label } = place;
  const table = numberOf(cells.tables, tableDigest);
  const key = ((table * ARM_COUNT + arm) * LABEL_COUNT + label) * BINS + bin;
  const found = own.get(key);
  if (found) found.count += count;
  else own.set(key, { tableDigest, arm, bin, label, count });
  cells.scored += count;
}
