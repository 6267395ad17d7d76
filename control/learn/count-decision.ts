/** Takes one new decision into the counts of its cohort, and into the join. */
import { REASON_COUNT, STATUS_UNSCORED } from "../../models/decision.ts";
import { BIN_NONE } from "../../models/record-layout.ts";
import { LimenError } from "../errors.ts";
import type { StoredEvent } from "../events/log.ts";
import { addToCell, createCells, LABEL_NONE, type SliceName } from "./cells.ts";
import { takeDecision } from "./join/decisions.ts";
import type { PlainDecision } from "./read-decision.ts";
import type { CohortCounts, LearnState } from "./state.ts";
import { findTable, type KnownTable, type NamesOf } from "./tables.ts";

function openCohort(state: LearnState, offset: bigint): CohortCounts {
  const found = state.cohorts.get(state.open);
  if (found) return found;
  const made = { ...createCells(), cohort: state.open, from: offset, to: offset };
  state.cohorts.set(state.open, made);
  return made;
}

const LABEL_FREE = { arm: 0, bin: 0, label: LABEL_NONE };

/** By model, of the decision that is counted; undefined where it did not score. */
const SCORED: (SliceName | undefined)[] = [];

/** Slices of the models that scored; throws when the table does not have them. */
function nameScores(table: KnownTable | undefined, decision: PlainDecision): void {
  const { models, bin, segment, tableDigest } = decision;
  for (let model = 0; model < models; model++) {
    SCORED[model] = undefined;
    if (bin[model] === BIN_NONE) continue;
    if (!table) {
      throw new LimenError("input", `decision: table ${tableDigest} is not in the history`);
    }
    const name = table.slices[model]?.[segment[model] ?? 0];
    if (!name) {
      const what = `model ${model} or segment ${segment[model]}`;
      throw new LimenError("input", `decision: table ${tableDigest} has no ${what}`);
    }
    SCORED[model] = name;
  }
}

/** Adds what the models scored, by `nameScores`, to the open cohort. */
function countScores(state: LearnState, offset: bigint, decision: PlainDecision): void {
  const { models, arm, bin, tableDigest } = decision;
  const cohort = openCohort(state, offset);
  const isNew = offset >= state.toldTo;
  for (let model = 0; model < models; model++) {
    const name = SCORED[model];
    if (!name) continue;
    LABEL_FREE.arm = arm[model] ?? 0;
    LABEL_FREE.bin = bin[model] ?? 0;
    addToCell(cohort, name, tableDigest, LABEL_FREE, 1);
    if (isNew) state.settings.onScored?.(name, LABEL_FREE.bin);
  }
  cohort.to = offset + 1n;
}

const STATUSES = Array.from({ length: STATUS_UNSCORED + 1 }, (_, status) =>
  Array.from({ length: REASON_COUNT }, (_, reason) => `${status}/${reason}`),
);

function countStatus({ counters, statuses }: LearnState, decision: PlainDecision): void {
  counters.decisions++;
  const status = STATUSES[decision.status]?.[decision.reason] ?? "";
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
}

const NO_MODELS: readonly string[] = [];

/** Throws when its table is not known, or has not what it scored; then nothing is counted. */
export function countDecision(
  state: LearnState,
  event: StoredEvent,
  decision: PlainDecision,
  namesOf: NamesOf,
): void {
  const table = findTable(state.tables, decision.tableDigest, namesOf);
  nameScores(table, decision);
  countScores(state, event.offset, decision);
  countStatus(state, decision);
  const { joining } = state;
  if (!joining) return;
  const models = table?.models ?? NO_MODELS;
  const { time, key, offset } = event;
  const { labelsNext } = joining;
  takeDecision(joining.join, { time, key, offset, labelsNext, models }, decision);
}
