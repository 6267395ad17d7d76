import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CellsSchema, CountsSchema } from "../../../control/events/counts_pb.ts";
import { unpackCells, writeCells } from "../../../control/learn/pack.ts";

const cell = fc.record({
  tableDigest: fc.constantFrom("00000000000000aa", "ffffffffffffffff"),
  arm: fc.nat(7),
  bin: fc.nat(4_095),
  label: fc.nat(3),
  count: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 40 })),
});
const cells = fc.uniqueArray(cell, {
  minLength: 1,
  maxLength: 60,
  selector: ({ tableDigest, arm, bin, label }) => `${tableDigest} ${arm} ${bin} ${label}`,
});
const byPlace = (all: readonly { bin: number; arm: number; label: number }[]) =>
  all.map((one) => JSON.stringify(one, ["tableDigest", "arm", "bin", "label", "count"])).toSorted();

describe("writeCells", () => {
  it("writes what unpackCells reads out of a Counts", () => {
    fc.assert(
      fc.property(cells, (given) => {
        const head = toBinary(CountsSchema, create(CountsSchema, { partition: 3, windowMs: 9n }));
        const counts = fromBinary(CountsSchema, Buffer.concat([head, writeCells(given)]));
        expect(counts.partition).toBe(3);
        expect(byPlace(counts.cells.flatMap(unpackCells))).toEqual(byPlace(given));
      }),
    );
  });

  it("writes each list as the generated writer does", () => {
    fc.assert(
      fc.property(cells, (given) => {
        const counts = fromBinary(CountsSchema, writeCells(given));
        const again = create(CountsSchema, {
          cells: counts.cells.map((list) => create(CellsSchema, list)),
        });
        expect(Buffer.from(toBinary(CountsSchema, again))).toEqual(Buffer.from(writeCells(given)));
      }),
    );
  });
});
