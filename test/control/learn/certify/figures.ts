import { readFileSync } from "node:fs";

type Figures = {
  /** k, n, a, log E(k, n, a), log I_a(k+1/2, n-k+1/2). */
  logE: [number, number, number, string, string][];
  /** k, n, d, the upper bound at confidence 1 - d. */
  clopperPearson: [number, number, number, string][];
};

/** Figures of make-figures.py: 20 digits, by mpmath. */
export const figures = JSON.parse(
  readFileSync(new URL("figures.json", import.meta.url), "utf8"),
) as Figures;

/** Entries of which a figure differs by more than allowed, to be compared with []. */
export function findOff<Row>(rows: readonly Row[], error: (row: Row) => number, most: number) {
  return rows.map((row) => ({ row, error: error(row) })).filter((each) => !(each.error <= most));
}
