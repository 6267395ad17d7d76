import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { writeFloat32 } from "../../../control/table/float-text.ts";
import { readVectors } from "../../../control/table/vectors.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "limen-vectors-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

function store(name: string, content: string | Uint8Array): string {
  const path = join(FOLDER, name);
  writeFileSync(path, content);
  return path;
}

describe("readVectors", () => {
  it("takes columns by name, in the order asked for, and leaves others out", () => {
    const path = store("a.csv", "label,b,a\n1,2.5,3\n0,-1e3,4\n");
    expect([...readVectors(path, ["a", "b"]).values]).toEqual([3, 2.5, 4, -1000]);
  });

  it("takes empty cells and NaN as missing, inf as infinity", () => {
    const path = store("b.csv", "a,b,c,d\n,NaN,inf,-Infinity\n");
    const expected = [Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect([...readVectors(path, ["a", "b", "c", "d"]).values]).toEqual(expected);
  });

  it("takes .f32 as rows of little-endian float32, also packed", () => {
    const bytes = Buffer.alloc(16);
    for (const [at, value] of [1.5, -2, 0.25, 8].entries()) bytes.writeFloatLE(value, at * 4);
    const path = store("c.f32.gz", gzipSync(bytes));
    expect(readVectors(path, ["a", "b"])).toMatchObject({ rows: 2, width: 2 });
    expect([...readVectors(path, ["a", "b"]).values]).toEqual([1.5, -2, 0.25, 8]);
  });

  const REFUSED: readonly [string, string, string | Uint8Array, string][] = [
    ["a column that is not there", "d.csv", "b\n1\n", 'no column "a"; columns: b'],
    ["a cell that is no number", "e.csv", "a\n1\nx\n", 'line 3, a: "x" is not a number'],
    ["a line of other length", "f.csv", "a,b\n1\n", "line 2: 1 cells for 2 columns"],
    ["an empty file", "g.csv", "", "is empty"],
    ["half a row", "h.f32", new Uint8Array(6), "6 bytes are not rows of 1 float32"],
    ["another ending", "i.txt", "a", "read from .csv or .f32"],
  ];
  for (const [name, file, content, message] of REFUSED) {
    it(`refuses ${name}`, () => {
      expect(() => readVectors(store(file, content), ["a"])).toThrow(message);
    });
  }

  it("says which file is not there", () => {
    expect(() => readVectors(join(FOLDER, "no.csv"), ["a"], "no.csv")).toThrow(
      "no.csv: no such file",
    );
  });
});

describe("writeFloat32", () => {
  it("reads back as the same float32", () => {
    fc.assert(
      fc.property(fc.float(), (value) => {
        const back = Math.fround(Number(writeFloat32(value)));
        expect(Object.is(back, value)).toBe(true);
      }),
    );
  });

  it("is the shortest such text", () => {
    expect(
      [0.1, 1 / 3, 16777216, -0, 0.5].map((value) => writeFloat32(Math.fround(value))),
    ).toEqual(["0.1", "0.33333334", "16777216", "-0", "0.5"]);
  });
});
