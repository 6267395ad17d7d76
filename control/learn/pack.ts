import { create } from "@bufbuild/protobuf";
import { type Cells, CellsSchema } from "../events/counts_pb.ts";
import type { Cell } from "./cells.ts";

/** One list a table digest and arm; bins as differences, which are small numbers. */
export function packCells(cells: Iterable<Cell>): Cells[] {
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

export function unpackCells({ tableDigest, arm, bins, labels, counts }: Cells): Cell[] {
  let bin = 0;
  return bins.map((difference, index) => {
    bin += difference;
    const count = Number(counts[index] ?? 0n);
    return { tableDigest, arm, bin, label: labels[index] ?? 0, count };
  });
}
