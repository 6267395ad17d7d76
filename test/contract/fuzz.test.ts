import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeTable } from "../../control/table/encode.ts";
import type { Table } from "../../control/table/table.ts";
import * as layout from "../../models/table-layout.ts";
import { aForest, aLeaf, aModel, aTable, aTree } from "../support/builders.ts";
import { openOffline } from "../support/host-offline.ts";
import { changed, listSections } from "./mutate.ts";

/** Small tables that together hold every section with something in it. */
const TABLES: Readonly<Record<string, Partial<Table>>> = {
  "patterns, segments and rules": {
    features: [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "dots", of: "target", is: "matches", any: ["..", "%2e"], fold: true },
      { name: "grams", of: "path", is: "grams", gram: 2, weights: Float32Array.of(1, 2, 3, 4) },
      { name: "hash", of: "cookie:a", is: "hash", buckets: 8 },
      { name: "token", of: "query", is: "longest-token", split: "&=" },
      { name: "count", of: "headers", is: "count" },
    ],
    segments: {
      of: "path",
      match: "prefix",
      names: ["rest", "a", "b"],
      entries: [
        { text: "/a", segment: 1 },
        { text: "/ab", segment: 2 },
      ],
    },
    models: [aModel({ modes: ["tag", "tag", "off"], cuts: [[1], [2], [3]] })],
    exempt: [{ of: "authority", match: "equals", text: "a.b" }],
    ignored: ["x-forwarded-*", "x-request-id"],
  },
  "two models of trees": {
    features: [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "path", of: "path", is: "length" },
    ],
    candidate: 0.5,
    models: [
      aForest(
        [
          { slot: 1, threshold: 3.5, left: aTree(0, 1, 0.25, 9), right: aTree(1, 8, 1, 2) },
          aTree(0, 2, 3, 4),
          aLeaf(1),
        ],
        {
          slots: [
            { feature: 0, nan: "low" },
            { feature: 1, nan: "high" },
          ],
          candidateCuts: [[5]],
        },
      ),
      aForest([aTree(0, 2, 3, 4)], { name: "second", output: "logistic", lo: 0, hi: 1 }),
    ],
  },
  "classes with leaf rows": {
    models: [
      aForest(
        [
          { slot: 0, threshold: 3, left: aLeaf(1, 2, 3), right: aLeaf(3, 2, 1) },
          { slot: 0, threshold: 1, left: aLeaf(0, 0, 1), right: aLeaf(1, 2, 3) },
        ],
        { base: [0, 0.5, 1], output: "softmax", class: 1, lo: 0, hi: 1 },
      ),
    ],
  },
};
const OFFLINE = openOffline();
const MEMORY = OFFLINE.memoryBytes();
const VECTOR_VALUES = [Number.NaN, -Infinity, Infinity, 0, 1, 3.5, 1e30];
const REQUEST = [
  [":path", "/ab/..%2e?a=b&c=d"],
  [":authority", "a.b"],
  ["cookie", "a=b"],
  ["x-score", "7"],
] as const;

/** Whether a table was accepted; an accepted one must be safe to use. */
function tryTable(bytes: Uint8Array): boolean {
  if (OFFLINE.check(bytes) !== 0) return false;
  const vectors = VECTOR_VALUES.map((value) => Array.from({ length: 512 }, () => value));
  for (const vector of [...vectors, OFFLINE.features(REQUEST)]) {
    for (const { bin } of OFFLINE.score(vector)) {
      if (!(Number.isInteger(bin) && ((bin >= 0 && bin <= 4095) || bin === 65535))) {
        throw new Error(`a bin of ${bin}`);
      }
    }
  }
  return true;
}

const refusedOf = (mutants: readonly Uint8Array[]): number =>
  mutants.filter((mutant) => !tryTable(mutant)).length;

describe.each(Object.keys(TABLES))("a table of %s", (name) => {
  const bytes = encodeTable(aTable(TABLES[name]));

  it("is accepted as it is", () => {
    expect(OFFLINE.check(bytes)).toBe(0);
  });

  it("is refused with any bit of it flipped and the CRC left", () => {
    for (let at = 0; at < bytes.length; at++) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << (at & 7));
      expect([at, OFFLINE.check(copy) === 0]).toEqual([at, false]);
    }
  });

  it.each([0x01, 0x80, 0xff, 0x55])("is refused or safe with a byte xor %i", (pattern) => {
    for (let at = 0; at < bytes.length; at++) {
      tryTable(changed(bytes, (copy) => copy.writeUInt8((copy[at] ?? 0) ^ pattern, at)));
    }
    expect(OFFLINE.memoryBytes()).toBe(MEMORY);
  });

  it.each([0, 1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff])(
    "is refused or safe with a u32 of %i at any place",
    (value) => {
      for (let at = 0; at + 4 <= bytes.length; at += 2) {
        tryTable(changed(bytes, (copy) => copy.writeUInt32LE(value, at)));
      }
      expect(OFFLINE.memoryBytes()).toBe(MEMORY);
    },
  );

  it("is refused at every shorter length, said or not", () => {
    const cuts = Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length));
    const said = cuts
      .filter((cut) => cut.length >= layout.HEAD_SIZE)
      .map((cut) => changed(cut, (copy) => copy.writeUInt32LE(copy.length, layout.HEAD_LENGTH)));
    expect(refusedOf(cuts)).toBe(cuts.length);
    expect(refusedOf(said)).toBe(said.length);
  });

  it("is refused with bytes after its end, said or not", () => {
    const longer = Buffer.concat([bytes, Buffer.alloc(8)]);
    const said = changed(longer, (copy) => copy.writeUInt32LE(copy.length, layout.HEAD_LENGTH));
    expect(refusedOf([changed(longer, () => undefined), said])).toBe(2);
  });

  it("is refused or safe with the places of two sections swapped", () => {
    const places = listSections(bytes);
    for (const first of places) {
      for (const second of places) {
        tryTable(
          changed(bytes, (copy) => {
            bytes.subarray(first.entry + 8, first.entry + 16).forEach((byte, at) => {
              copy[second.entry + 8 + at] = byte;
            });
            bytes.subarray(second.entry + 8, second.entry + 16).forEach((byte, at) => {
              copy[first.entry + 8 + at] = byte;
            });
          }),
        );
      }
    }
    expect(OFFLINE.memoryBytes()).toBe(MEMORY);
  });

  it("is refused or safe with several random bytes changed", () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        tryTable(
          changed(bytes, (copy) => {
            for (const [at, byte] of changes) copy[at] = byte;
          }),
        );
      }),
      { numRuns: 3000 },
    );
    expect(OFFLINE.memoryBytes()).toBe(MEMORY);
  });
});

describe("bytes that are no table", () => {
  it("are refused, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(OFFLINE.check(bytes)).not.toBe(0);
      }),
    );
  });
});
