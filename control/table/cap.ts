import { LimenError } from "../errors.ts";

/** Refuses a value above its cap, naming the field, the value and the cap. */
export function checkCap(field: string, value: number, cap: number): void {
  if (value <= cap) return;
  throw new LimenError("refused", `${field}: ${value} is above the cap of ${cap}; make it smaller`);
}

/** An error about one field of a table. */
export function refuse(field: string, what: string): LimenError {
  return new LimenError("refused", `${field}: ${what}`);
}

/** A whole number within bounds, else an error that names both. */
export function checkWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refuse(field, `${value} is not a whole number from ${least} to ${most}`);
}

/** Names that must differ, else an error with the one given twice. */
export function checkDistinct(field: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw refuse(field, `"${name}" is given twice; give each its own name`);
    seen.add(name);
  }
}
