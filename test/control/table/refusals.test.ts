import { describe, expect, it } from "vitest";
import { encodeTable } from "../../../control/table/encode.ts";
import type { Feature, Model, Table } from "../../../control/table/table.ts";
import { linearModel, sampleModel, sampleTable } from "./samples.ts";

const withFeature = (feature: Partial<Feature>): Partial<Table> => ({
  models: [],
  features: [{ name: "f", of: "path", is: "length", ...feature }],
});
const withModel = (change: Partial<Model>): Partial<Table> => ({ models: [sampleModel(change)] });
const trees = (threshold: number, leaf: number): Partial<Table> =>
  withModel({
    kernel: {
      kind: "trees",
      trees: [{ slot: 0, threshold, left: { leaf: [leaf] }, right: { leaf: [0] } }],
      ...{ divisor: 1, accumulator: "f32" },
    },
  });

const CASES: readonly [string, Partial<Table>, string][] = [
  ["an unknown measure", withFeature({ is: "lenght" }), 'did you mean "length"?'],
  ["an unknown source", withFeature({ of: "methd" }), 'did you mean "method"?'],
  ["a header without a name", withFeature({ of: "header:" }), "lacks a name"],
  ["a header name of other bytes", withFeature({ of: "header:a b" }), "is no header name"],
  ["a field the measure does not take", withFeature({ any: ["a"] }), '"length" does not take it'],
  ["a missing field", withFeature({ is: "contains" }), '"contains" needs "any"'],
  ["an empty list", withFeature({ is: "contains", any: [] }), "give at least one pattern"],
  ["hours of a text", withFeature({ is: "hour" }), "cannot be measured on"],
  ["length of the clock", withFeature({ of: "clock" }), "cannot be measured on"],
  [
    "digits of the header block",
    withFeature({ of: "headers", is: "digits" }),
    "block of all headers",
  ],
  ["3 buckets", withFeature({ is: "hash", buckets: 3 }), "3 is not a power of two"],
  ["1 bucket", withFeature({ is: "hash", buckets: 1 }), "1 is not a whole number from 2 to 16384"],
  ["32,768 buckets", withFeature({ is: "hash", buckets: 32768 }), "from 2 to 16384"],
  [
    "grams of 9 bytes",
    withFeature({ is: "grams", gram: 9, weights: new Float32Array(2) }),
    "from 1 to 8",
  ],
  [
    "a weight of NaN",
    withFeature({ is: "grams", gram: 3, weights: new Float32Array([1, Number.NaN]) }),
    "not all are finite",
  ],
  ["a scan of 0 bytes", withFeature({ max: 0 }), "from 1 to 8192"],
  ["a scan of 8,193 bytes", withFeature({ max: 8193 }), "from 1 to 8192"],
  ["two models of one name", { models: [sampleModel(), sampleModel()] }, '"bot" is given twice'],
  [
    "two segments of one name",
    { models: [], segments: { of: "path", match: "prefix", names: ["a", "a"], entries: [] } },
    '"a" is given twice',
  ],
  [
    "an entry to no segment",
    {
      models: [],
      segments: { of: "path", match: "prefix", names: ["a"], entries: [{ text: "/", segment: 1 }] },
    },
    "1 is not a whole number from 0 to 0",
  ],
  [
    "segments by the clock",
    {
      models: [],
      segments: {
        of: "clock",
        match: "equals",
        names: ["a"],
        entries: [{ text: "/", segment: 0 }],
      },
    },
    "no single value",
  ],
  [
    "an exempt rule over the header block",
    { exempt: [{ of: "headers", match: "equals", text: "a" }] },
    "no single value",
  ],
  ["an audit share above 1", { audit: 1.01 }, "audit: 1.01 is no share"],
  ["a salt of 65 bits", { salt: 1n << 64n }, "salt: is not 64 bits"],
  ["a token key of 15 bytes", { tokenKey: new Uint8Array(15) }, "has 15 bytes, not 16"],
  ["a serial of 33 bits", { serial: 2 ** 32 }, "serial: 4294967296"],
  ["an empty score range", withModel({ lo: 1, hi: 1 }), "1 to 1 is no range"],
  [
    "a slot of no feature",
    withModel({
      slots: [
        { feature: 4, nan: "low" },
        { feature: 0, nan: "low" },
      ],
    }),
    "reads feature 4 of 4",
  ],
  [
    "trees that keep NaN",
    withModel({
      slots: [
        { feature: 0, nan: "keep" },
        { feature: 0, nan: "low" },
      ],
    }),
    "does not fit a trees kernel",
  ],
  [
    "a linear slot that moves NaN",
    { models: [linearModel({ slots: [{ feature: 0, nan: "low" }] })] },
    "does not fit a linear kernel",
  ],
  ["two raw scores without softmax", withModel({ base: [0, 0] }), "2 raw scores without softmax"],
  [
    "an infinite threshold",
    trees(Number.POSITIVE_INFINITY, 0),
    "threshold: Infinity is not a finite float32",
  ],
  ["a leaf above float32", trees(0, 1e39), "leaf: 1e+39 is not a finite float32"],
  ["a node of no slot", withModel({ slots: [] }), "a node reads slot 0 of 0"],
  [
    "a tag under another header",
    withModel({
      tags: [
        { header: "x-bot", value: "a" },
        { header: "x-limen-bot", value: "b" },
      ],
    }),
    'header "x-bot" is not x-limen-',
  ],
  [
    "a tag under the token's header",
    withModel({
      tags: [
        { header: "x-limen-decision", value: "a" },
        { header: "x-limen-bot", value: "b" },
      ],
    }),
    "x-limen-decision",
  ],
  [
    "a tag value with a line break",
    withModel({
      tags: [
        { header: "x-limen-bot", value: "a\n" },
        { header: "x-limen-bot", value: "b" },
      ],
    }),
    "not printable ASCII",
  ],
  [
    "a cut of 4,097",
    withModel({
      cuts: [
        [0, 4097],
        [0, 0],
      ],
    }),
    "4097 is not a whole number from 0 to 4096",
  ],
  [
    "cuts that descend",
    withModel({
      cuts: [
        [9, 8],
        [0, 0],
      ],
    }),
    "8 after 9",
  ],
  ["cuts of fewer segments", withModel({ cuts: [[9, 9]] }), "1 rows for 2 segments"],
  ["modes of fewer segments", withModel({ modes: ["off"] }), "1 modes for 2 segments"],
];

describe("encodeTable", () => {
  for (const [name, change, message] of CASES) {
    it(`refuses ${name}`, () => {
      expect(() => encodeTable(sampleTable(change))).toThrow(message);
    });
  }
});
