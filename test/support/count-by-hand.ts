// The dull count of a log: every decision read, a set of what was seen, one number a cell.
import { fromBinary } from "@bufbuild/protobuf";
import { type Counts, CountsSchema } from "../../control/events/counts_pb.ts";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import type { EventLog } from "../../control/events/log.ts";
import type { CohortCounts, LearnState } from "../../control/learn/state.ts";
import { namesOf } from "./decisions.ts";
import { readAll } from "./log-conformance.ts";

export type Cells = Map<string, number>;

function add(cells: Cells, name: readonly (string | number | bigint)[], count: number): void {
  const key = name.join(" ");
  cells.set(key, (cells.get(key) ?? 0) + count);
}

/** Cells of all decisions in the log, and how many were distinct; cohorts of 1 s. */
export async function countByHand(log: EventLog): Promise<{ cells: Cells; distinct: number }> {
  const cells: Cells = new Map();
  const seen = new Set<string>();
  for (const { time, value } of await readAll(log, "limen.decisions")) {
    // A tick.
    if (value === null) continue;
    const { node, record } = fromBinary(DecisionSchema, value);
    const bytes = Buffer.from(record);
    const id = `${node} ${bytes.toString("hex", 4, 16)}`;
    if (seen.has(id)) continue;
    seen.add(id);
    const digest = bytes.toString("hex", 24, 32);
    for (let model = 0; model < bytes.readUInt16LE(36); model++) {
      const at = 40 + 8 * model;
      const names = namesOf(digest);
      const segment = names?.segments[bytes.readUInt16LE(at)] ?? "?";
      const bin = bytes.readUInt16LE(at + 2);
      // The model did not score.
      if (bin === 65535) continue;
      const cohort = Math.floor(time / 1000);
      const arm = bytes.readUInt8(at + 5);
      add(cells, [names?.models[model]?.digest ?? "?", segment, cohort, digest, arm, bin, 0], 1);
    }
  }
  return { cells, distinct: seen.size };
}

function addCounts(cells: Cells, counts: Counts): void {
  const { modelDigest, segment, cohort } = counts;
  for (const { tableDigest, arm, bins, labels, counts: numbers } of counts.cells) {
    let bin = 0;
    bins.forEach((difference, index) => {
      bin += difference;
      const name = [modelDigest, segment, cohort, tableDigest, arm, bin, labels[index] ?? -1];
      add(cells, name, Number(numbers[index]));
    });
  }
}

function addUnsaved(cells: Cells, { cohort, slices }: CohortCounts): void {
  for (const { modelDigest, segment, cells: own } of slices.values()) {
    for (const { tableDigest, arm, bin, label, count } of own.values()) {
      add(cells, [modelDigest, segment, cohort, tableDigest, arm, bin, label], count);
    }
  }
}

/** Cells of limen.counts, and of what the learner has not saved yet. */
export async function readCounts(log: EventLog, state: LearnState): Promise<Cells> {
  const cells: Cells = new Map();
  const open = state.cohorts.get(state.open);
  const unsaved = [...state.unsaved, ...(open ? [open] : [])];
  for (const { key, value } of await readAll(log, "limen.counts")) {
    const name = Buffer.from(key ?? []).toString();
    if (!name.startsWith("counts/")) continue;
    const counts = fromBinary(CountsSchema, value ?? new Uint8Array());
    if (!unsaved.some(({ cohort }) => cohort === Number(counts.cohort))) addCounts(cells, counts);
  }
  for (const cohort of unsaved) addUnsaved(cells, cohort);
  return cells;
}
