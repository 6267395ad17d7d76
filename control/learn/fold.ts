/** One partition as it is folded: its state, and what of it is on its way to the log. */
import { LimenError } from "../errors.ts";
import type { EventLog, NewEvent, StoredEvent } from "../events/log.ts";
import { noteSnapshot, takeCheckpoint } from "./checkpoint.ts";
import { splitAppend } from "./split-append.ts";
import {
  closeCohort,
  cohortOf,
  foldEvent,
  foldLabelEvent,
  type LearnState,
  type NamesOf,
} from "./state.ts";

export type Fold = {
  log: EventLog;
  namesOf: NamesOf;
  state: LearnState;
  /** Cohort at the last checkpoint, or where this process began. */
  savedAt: number;
  /** A checkpoint that is not in the log yet: its appends that have not returned, in order. */
  unwritten: Unwritten | undefined;
  /** Another process follows the partition: nothing more is appended for it. */
  isDropped: boolean;
  onCheckpoint: ((partition: number, next: bigint) => void) | undefined;
};
type Unwritten = { appends: NewEvent[][]; rejected: NewEvent[]; next: bigint };

/** How the events of a partition come to its fold. */
export type Source = {
  /** Folds what is there, at most some thousand events; 0 when there is nothing more to do. */
  follow(): Promise<number>;
  /** The partition was read to its end at least once. */
  isCurrent(): boolean;
  /** What moves time on, when something has waited for that long enough by this clock. */
  takeTicks(now: number): NewEvent[];
};

export const createFold = (
  log: EventLog,
  namesOf: NamesOf,
  state: LearnState,
  onCheckpoint?: Fold["onCheckpoint"],
): Fold => ({
  log,
  namesOf,
  state,
  savedAt: state.open,
  unwritten: undefined,
  isDropped: false,
  onCheckpoint,
});

/** Before the checkpoint that says they were read. */
async function writeRelays({ log, state, isDropped }: Fold): Promise<void> {
  if (state.relays.length === 0 || isDropped) return;
  for (const batch of splitAppend(state.relays)) await log.append(batch);
  state.relays = [];
}

/** Writes the checkpoint; rejects come after it, because a full log refuses only them. */
export async function writePending(fold: Fold): Promise<void> {
  await writeRelays(fold);
  if (!fold.unwritten) return;
  const { appends, rejected, next } = fold.unwritten;
  for (let batch = appends[0]; batch && !fold.isDropped; batch = appends[0]) {
    await fold.log.append(batch);
    appends.shift();
  }
  if (fold.isDropped) return;
  fold.unwritten = undefined;
  fold.onCheckpoint?.(fold.state.settings.partition, next);
  if (rejected.length === 0) return;
  try {
    await fold.log.append(rejected);
  } catch (thrown) {
    // Counted in the state; at the size cap that is all that stays of them.
    if (LimenError.from(thrown, "").code !== "unavailable") throw thrown;
  }
}

function unwrittenOf({ log, state }: Fold): Unwritten {
  const { counts, rejected, next } = takeCheckpoint(state);
  const places = log.partitions("limen.counts");
  const placed = counts.map((event) => ({ ...event, partition: (event.partition ?? 0) % places }));
  return { appends: splitAppend(placed), rejected, next };
}

/** Folds a decision, after the labels before it; takes a checkpoint at a boundary that is due. */
export function foldDecision(fold: Fold, event: StoredEvent): void {
  const { state, namesOf } = fold;
  const { sliceMs, checkpointMs } = state.settings;
  if (fold.savedAt < 0) fold.savedAt = cohortOf(state, event.time);
  const isBoundary = closeCohort(state, event);
  if (isBoundary && (state.open - fold.savedAt) * sliceMs >= checkpointMs) {
    fold.savedAt = state.open;
    fold.unwritten = unwrittenOf(fold);
  }
  noteSnapshot(state, event);
  foldEvent(state, event, namesOf);
}

export const foldLabel = ({ state, namesOf }: Fold, event: StoredEvent): void =>
  foldLabelEvent(state, event, namesOf);

/** A label waits for its decision, or the window of a cohort is not over. */
export function awaitsTime({ state: { joining } }: Fold): boolean {
  if (!joining) return false;
  const { join } = joining;
  const isOpen = (join.cohorts.at(-1)?.cohort ?? -1) >= join.open && join.cohorts.length > 0;
  return isOpen || join.waiting.size > 0;
}
