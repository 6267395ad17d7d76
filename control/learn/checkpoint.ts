/**
 * Checkpoints in limen.counts: counts of closed cohorts, and what the fold knew at the boundary.
 *   key counts/PARTITION/MODEL DIGEST/COHORT/SEGMENT -> limen.v1.Counts
 *   key checkpoint/PARTITION                         -> limen.v1.Checkpoint
 * One append holds all records of a checkpoint, so they are in the log together or not at all.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimenError } from "../errors.ts";
import {
  type Cells,
  CellsSchema,
  type Checkpoint,
  CheckpointSchema,
  type Counts,
  CountsSchema,
  type Vm,
} from "../events/counts_pb.ts";
import type { EventLog, NewEvent, StoredEvent } from "../events/log.ts";
import { restoreVm, type VmSeqs } from "./seqs.ts";
import {
  addToCell,
  type Cell,
  type CohortCounts,
  createState,
  type FoldSettings,
  type LearnState,
  retireCohorts,
  type Slice,
} from "./state.ts";

const READ_EVENTS = 1_000;

const record = (key: string, value: Uint8Array): NewEvent => ({
  topic: "limen.counts",
  key: new Uint8Array(Buffer.from(key)),
  value,
});

/** One list a table digest and arm; bins as differences, which are small numbers. */
function packCells(cells: Iterable<Cell>): Cells[] {
  const sorted = [...cells].sort((a, b) => a.bin - b.bin || a.label - b.label);
  const groups = Map.groupBy(sorted, ({ tableDigest, arm }) => `${tableDigest}/${arm}`);
  return [...groups.values()].map((group) => {
    const packed = create(CellsSchema, {
      tableDigest: group[0]?.tableDigest ?? "",
      arm: group[0]?.arm ?? 0,
    });
    let former = 0;
    for (const { bin, label, count } of group) {
      packed.bins.push(bin - former);
      packed.labels.push(label);
      packed.counts.push(BigInt(count));
      former = bin;
    }
    return packed;
  });
}

function unpackCells({ tableDigest, arm, bins, labels, counts }: Cells): Cell[] {
  let bin = 0;
  return bins.map((difference, index) => {
    bin += difference;
    const count = Number(counts[index] ?? 0n);
    return { tableDigest, arm, bin, label: labels[index] ?? 0, count };
  });
}

function countsRecord(settings: FoldSettings, cohort: CohortCounts, slice: Slice): NewEvent {
  const { partition, sliceMs } = settings;
  const { modelDigest, segment } = slice;
  const value = create(CountsSchema, {
    partition,
    modelDigest,
    segment,
    cohort: BigInt(cohort.cohort),
    sliceMs,
    decisions: { from: cohort.from, to: cohort.to },
    cells: packCells(slice.cells.values()),
  });
  const key = `counts/${partition}/${modelDigest}/${cohort.cohort}/${segment}`;
  return record(key, toBinary(CountsSchema, value));
}

const vmOf = (vm: VmSeqs) => ({
  node: vm.node,
  vm: vm.vm,
  low: BigInt(vm.low),
  high: BigInt(vm.high),
  gaps: vm.gaps.flat().map(BigInt),
  closedMissing: BigInt(vm.closedMissing),
});

function checkpointRecord(state: LearnState): NewEvent {
  const { settings, counters, seqs } = state;
  const value = create(CheckpointSchema, {
    partition: settings.partition,
    next: state.next,
    sliceMs: settings.sliceMs,
    decisions: BigInt(counters.decisions),
    duplicates: BigInt(counters.duplicates),
    late: BigInt(counters.late),
    rejected: BigInt(counters.rejected),
    statuses: Object.fromEntries([...state.statuses].map(([name, n]) => [name, BigInt(n)])),
    vms: [...seqs.vms.values()].map(vmOf),
    retiredMissing: BigInt(seqs.retiredMissing),
    retiredUnseen: BigInt(seqs.retiredUnseen),
    cohort: BigInt(state.open),
  });
  return record(`checkpoint/${settings.partition}`, toBinary(CheckpointSchema, value));
}

/**
 * The records of a checkpoint at a boundary: after `closeCohort` and before the first event of the
 * new cohort is folded. They hold all that was closed since the last one.
 */
export function takeCheckpoint(state: LearnState): { counts: NewEvent[]; rejected: NewEvent[] } {
  const counts = state.unsaved.flatMap((cohort) =>
    [...cohort.slices.values()].map((slice) => countsRecord(state.settings, cohort, slice)),
  );
  const taken = { counts: [...counts, checkpointRecord(state)], rejected: state.rejected };
  state.unsaved = [];
  state.rejected = [];
  return taken;
}

async function* readPartition(log: EventLog, partition: number): AsyncGenerator<StoredEvent> {
  const end = await log.end("limen.counts", partition);
  let from = 0n;
  while (from < end) {
    const events = await log.read("limen.counts", partition, from, READ_EVENTS);
    const last = events.at(-1);
    if (!last) return;
    yield* events;
    from = last.offset + 1n;
  }
}

async function readRecords(log: EventLog, take: (event: StoredEvent) => void): Promise<void> {
  for (let partition = 0; partition < log.partitions("limen.counts"); partition++) {
    for await (const event of readPartition(log, partition)) take(event);
  }
}

function restoreCohort(state: LearnState, counts: Counts): void {
  const cohort = Number(counts.cohort);
  const { from = 0n, to = 0n } = counts.decisions ?? {};
  const found = state.cohorts.get(cohort) ?? { cohort, from, to, scored: 0, slices: new Map() };
  state.cohorts.set(cohort, found);
  for (const cell of counts.cells.flatMap(unpackCells)) {
    addToCell(found, counts.modelDigest, counts.segment, cell);
  }
}

function pairUp(numbers: readonly bigint[]): [number, number][] {
  return Array.from({ length: numbers.length >> 1 }, (_, at) => [
    Number(numbers[2 * at]),
    Number(numbers[2 * at + 1]),
  ]);
}

const seqsOf = ({ node, vm, low, high, gaps, closedMissing }: Vm): VmSeqs => ({
  node,
  vm,
  low: Number(low),
  high: Number(high),
  gaps: pairUp(gaps),
  closedMissing: Number(closedMissing),
});

function applyCheckpoint(state: LearnState, checkpoint: Checkpoint): void {
  state.next = checkpoint.next;
  state.open = Number(checkpoint.cohort);
  state.counters = {
    decisions: Number(checkpoint.decisions),
    duplicates: Number(checkpoint.duplicates),
    late: Number(checkpoint.late),
    rejected: Number(checkpoint.rejected),
  };
  for (const [name, n] of Object.entries(checkpoint.statuses)) state.statuses.set(name, Number(n));
  for (const vm of checkpoint.vms) restoreVm(state.seqs, seqsOf(vm));
  state.seqs.retiredMissing = Number(checkpoint.retiredMissing);
  state.seqs.retiredUnseen = Number(checkpoint.retiredUnseen);
}

/**
 * The state as the last checkpoint of the partition left it, or an empty one; folding goes on at
 * its `next`. A checkpoint of another slice length is left aside: its cohorts cannot be compared.
 */
export async function restoreState(log: EventLog, settings: FoldSettings): Promise<LearnState> {
  const state = createState(settings);
  const prefix = `counts/${settings.partition}/`;
  const counts: Counts[] = [];
  let checkpoint: Checkpoint | undefined;
  try {
    await readRecords(log, ({ key, value }) => {
      const name = Buffer.from(key ?? []).toString();
      const bytes = value ?? new Uint8Array(0);
      if (name.startsWith(prefix)) counts.push(fromBinary(CountsSchema, bytes));
      if (name === `checkpoint/${settings.partition}`) {
        checkpoint = fromBinary(CheckpointSchema, bytes);
      }
    });
  } catch (thrown) {
    throw LimenError.from(thrown, "reading limen.counts");
  }
  if (!checkpoint || checkpoint.sliceMs !== settings.sliceMs) return state;
  const { next } = checkpoint;
  applyCheckpoint(state, checkpoint);
  const closed = counts
    .filter((one) => one.sliceMs === settings.sliceMs && (one.decisions?.to ?? 0n) <= next)
    .sort((a, b) => Number(a.cohort - b.cohort));
  for (const one of closed) restoreCohort(state, one);
  retireCohorts(state);
  return state;
}
