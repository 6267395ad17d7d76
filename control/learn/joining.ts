import { create } from "@bufbuild/protobuf";
import { type Checkpoint, CheckpointSchema } from "../events/counts_pb.ts";
import type { Cells } from "./cells.ts";
import type { LabelledCohort } from "./join/close.ts";
import { cohortLength, type LabelSettings } from "./join/sources.ts";
import { createJoin, type JoinState } from "./join/state.ts";

/** The fold before the first decision of a cohort. */
export type Snapshot = {
  cohort: number;
  /** Without its VMs. */
  checkpoint: Checkpoint;
  /** As vms.ts packs them: those that do not change are shared. */
  vms: readonly Uint8Array[];
};

/** The join of labels, and what is needed to go on with it after a restart. */
export type Joining = {
  join: JoinState;
  /** Offset of the next label to take in. */
  labelsNext: bigint;
  /** Fates of what lies before these offsets are counted already. */
  counted: { decisions: bigint; labels: bigint };
  /** Closed cohorts, ascending; the oldest go when their cells are too many. */
  closed: Map<number, LabelledCohort>;
  closedCells: number;
  /** Cells of closed cohorts in memory, at the most; the newest cohort stays whatever it holds. */
  keepCells: number;
  /** Closed and not in a checkpoint yet. */
  unsaved: LabelledCohort[];
  /** The fold as it was before the first decision of a cohort, ascending: where replay may begin. */
  snapshots: Snapshot[];
  /** Where this fold began: replay begins there until a snapshot is old enough. */
  origin: Snapshot;
};

/** About 80 MB. */
const HOLD_MAX = 1_048_576;
/** About 20 MB, when as many labels wait. */
const WAIT_MAX = 100_000;

type JoiningSettings = {
  partition: number;
  sliceMs: number;
  labels: LabelSettings;
  holdMax?: number;
  keepCells: number;
};

/** A join with nothing in it. */
export function createJoining(settings: JoiningSettings): Joining {
  const { labels } = settings;
  const join = createJoin({
    ...labels,
    cohortMs: cohortLength(labels.windowMs, settings.sliceMs),
    holdMax: settings.holdMax ?? HOLD_MAX,
    waitMax: WAIT_MAX,
  });
  return {
    join,
    labelsNext: 0n,
    counted: { decisions: 0n, labels: 0n },
    closed: new Map(),
    closedCells: 0,
    keepCells: settings.keepCells,
    unsaved: [],
    snapshots: [],
    origin: {
      cohort: -1,
      checkpoint: create(CheckpointSchema, {
        partition: settings.partition,
        sliceMs: settings.sliceMs,
        joined: {},
      }),
      vms: [],
    },
  };
}

function sizeOf({ slices }: Cells): number {
  let size = 0;
  for (const { cells } of slices.values()) size += cells.size;
  return size;
}

/** Keeps a closed cohort in memory, in place of the same one; the oldest ones go when there is too
 * much of them. */
export function keepClosed(joining: Joining, closed: LabelledCohort): void {
  const former = joining.closed.get(closed.cohort);
  if (former) joining.closedCells -= sizeOf(former);
  joining.closed.set(closed.cohort, closed);
  joining.closedCells += sizeOf(closed);
  for (const [cohort, oldest] of joining.closed) {
    if (joining.closedCells <= joining.keepCells || cohort === closed.cohort) return;
    joining.closed.delete(cohort);
    joining.closedCells -= sizeOf(oldest);
  }
}
