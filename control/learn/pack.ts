import type { Cells } from "../events/counts_pb.ts";
import { type Cell, LABEL_COUNT } from "./cells.ts";

type Group = { tableDigest: string; arm: number; former: number; columns: Columns };
/** Bins as differences, which are small numbers; labels; counts. */
type Columns = [number[], number[], number[]];

/** By bin, then label: as numbers, since comparing by a function takes longer than all the rest. */
function sortCells(cells: Iterable<Cell>): Cell[] {
  const list = [...cells];
  const keys = new Float64Array(list.length);
  list.forEach(({ bin, label }, at) => {
    keys[at] = (bin * LABEL_COUNT + label) * list.length + at;
  });
  return Array.from(keys.sort(), (key) => list[key % list.length] as Cell);
}

/** One list a table digest and arm. */
function groupCells(cells: Iterable<Cell>): Group[] {
  const groups: Group[] = [];
  let group: Group | undefined;
  for (const { tableDigest, arm, bin, label, count } of sortCells(cells)) {
    if (group?.arm !== arm || group.tableDigest !== tableDigest) {
      group = groups.find((one) => one.arm === arm && one.tableDigest === tableDigest);
    }
    if (!group) {
      group = { tableDigest, arm, former: 0, columns: [[], [], []] };
      groups.push(group);
    }
    const [bins, labels, counts] = group.columns;
    bins.push(bin - group.former);
    labels.push(label);
    counts.push(count);
    group.former = bin;
  }
  return groups;
}

const BYTES = 2;
/** Of limen.v1.Counts, and of limen.v1.Cells. */
const CELLS = 8;
const [DIGEST, ARM, COLUMNS] = [1, 2, 3] as const;
/** Of one number below 2^53. */
const VARINT_BYTES = 8;

type Writer = { bytes: Uint8Array; at: number };

function writeVarint(writer: Writer, value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) writer.bytes[writer.at++] = (rest % 128) + 128;
  writer.bytes[writer.at++] = rest;
}

function writeBytes(writer: Writer, field: number, value: Uint8Array): void {
  writeVarint(writer, field * 8 + BYTES);
  writeVarint(writer, value.length);
  writer.bytes.set(value, writer.at);
  writer.at += value.length;
}

function packNumbers(numbers: readonly number[]): Uint8Array {
  const writer = { bytes: new Uint8Array(VARINT_BYTES * numbers.length), at: 0 };
  for (const number of numbers) writeVarint(writer, number);
  return writer.bytes.subarray(0, writer.at);
}

/** One limen.v1.Cells, as the generated writer makes it. */
function writeGroup({ tableDigest, arm, columns }: Group): Uint8Array {
  const digest = Buffer.from(tableDigest);
  const packed = columns.map(packNumbers);
  const most = packed.reduce((sum, { length }) => sum + length + 2 * VARINT_BYTES, digest.length);
  const writer = { bytes: new Uint8Array(most + 4 * VARINT_BYTES), at: 0 };
  if (digest.length > 0) writeBytes(writer, DIGEST, digest);
  if (arm > 0) {
    writeVarint(writer, ARM * 8);
    writeVarint(writer, arm);
  }
  packed.forEach((column, at) => {
    writeBytes(writer, COLUMNS + at, column);
  });
  return writer.bytes.subarray(0, writer.at);
}

/**
 * Cells as the bytes of their field in limen.v1.Counts, to go behind the others. Written by hand:
 * a learner that is busy writes nearly as many cells as it reads decisions.
 */
export function writeCells(cells: Iterable<Cell>): Uint8Array {
  const groups = groupCells(cells).map(writeGroup);
  const most = groups.reduce((sum, { length }) => sum + length + 2 * VARINT_BYTES, 0);
  const writer = { bytes: new Uint8Array(most), at: 0 };
  for (const group of groups) writeBytes(writer, CELLS, group);
  return writer.bytes.subarray(0, writer.at);
}

export function unpackCells({ tableDigest, arm, bins, labels, counts }: Cells): Cell[] {
  let bin = 0;
  return bins.map((difference, index) => {
    bin += difference;
    const count = Number(counts[index] ?? 0n);
    return { tableDigest, arm, bin, label: labels[index] ?? 0, count };
  });
}
