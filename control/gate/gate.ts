import type { Table } from "../table/table.ts";
import {
  type BinCounts,
  type Bounds,
  checkBounds,
  checkBytes,
  checkMonotone,
  checkStep,
  type Reason,
  type Scope,
} from "./rules.ts";

export type Candidate = {
  /** The table proxies have; null before the first. */
  live: Table | null;
  table: Table;
  /** The same table as it would be pushed. */
  bytes: Uint8Array;
  bounds: Bounds;
  counts: BinCounts;
  /** By model name; `overall` for the rest. */
  scopes?: Readonly<Record<string, Scope>>;
  /** `direct` keeps the step rule; what an operator sets is for stages and knows no step. */
  lane: "direct" | "staged";
  /** The filter's own validator: 0 accepts, another number is its refusal code. */
  validate: (bytes: Uint8Array) => number;
};

export type Verdict = { pass: true } | { pass: false; reasons: Reason[] };

/** Every rule over a candidate; a refusal carries the reasons of all of them. */
export function judge(candidate: Candidate): Verdict {
  const { live, table, bytes, bounds, counts, scopes = {}, lane, validate } = candidate;
  const reasons = [
    ...checkBounds(table, bounds),
    ...checkMonotone(table),
    ...(lane === "direct" ? checkStep(live, table, counts, scopes) : []),
    ...checkBytes(bytes, validate),
  ];
  return reasons.length === 0 ? { pass: true } : { pass: false, reasons };
}
