import { create } from "@bufbuild/protobuf";
import { type Cells, CellsSchema } from "../events/counts_pb.ts";
import type { Cell } from "./cells.ts";

/** One list a table digest and arm; bins as differences, which are small numbers. */
export function packCells(cells: Iterable<Cell>): Cells[] {
  const sorted = [...cells].sort((a, b) => a.bin - b.bin || a.label - b.label);
  const packed: Cells[] = [];
  const formers: number[] = [];
  for (const { tableDigest, arm, bin, label, count } of sorted) {
    let at = packed.findIndex((one) => one.arm === arm && one.tableDigest === tableDigest);
    if (at < 0) at = packed.push(create(CellsSchema, { tableDigest, arm })) - 1;
    const { bins, labels, counts } = packed[at] as Cells;
    bins.push(bin - (formers[at] ?? 0));
    labels.push(label);
    counts.push(BigInt(count));
    formers[at] = bin;
  }
  return packed;
}

export function unpackCells({ tableDigest, arm, bins, labels, counts }: Cells): Cell[] {
  let bin = 0;
  return bins.map((difference, index) => {
    bin += difference;
    const count = Number(counts[index] ?? 0n);
    return { tableDigest, arm, bin, label: labels[index] ?? 0, count };
  });
}
