import { describe, expect, it } from "vitest";
import { LimenError } from "../../../control/errors.ts";
import { createScorer } from "../../../control/scorer.ts";
import { encodeTable } from "../../../control/table/encode.ts";
import type { Feature, Table, TreeNode } from "../../../control/table/table.ts";
import * as limit from "../../../models/limits.ts";
import { linearModel, sampleModel, sampleTable, stump } from "./samples.ts";

const scorer = createScorer();

const many = <Item>(count: number, build: (at: number) => Item): Item[] =>
  Array.from({ length: count }, (_, at) => build(at));

const plain = (at: number): Feature => ({ name: `f${at}`, of: "path", is: "length" });

/** A chain: one leaf a step and one at the end. */
function chain(depth: number): TreeNode {
  let node: TreeNode = { leaf: [0] };
  for (let step = 0; step < depth; step++) {
    node = { slot: 0, threshold: step, left: { leaf: [1] }, right: node };
  }
  return node;
}

function balanced(depth: number): TreeNode {
  if (depth === 0) return { leaf: [1] };
  return { slot: 0, threshold: 1, left: balanced(depth - 1), right: balanced(depth - 1) };
}

const forest = (trees: TreeNode[]): Partial<Table> => ({
  models: [sampleModel({ kernel: { kind: "trees", trees, divisor: 1, accumulator: "f32" } })],
});

const SMALL = { modes: ["shadow" as const], cuts: [[]], tags: [] };
const REST: Table["segments"] = { of: "path", match: "prefix", names: ["rest"], entries: [] };

const patternsOf = (count: number, length: number): Feature[] =>
  many(Math.ceil(count / 500), (block) => ({
    name: `p${block}`,
    of: "path",
    is: "matches",
    any: many(Math.min(500, count - block * 500), (at) =>
      `${block * 500 + at}`.padStart(length, "x"),
    ),
  }));

/** Elements of one pattern of one class each; 1,022 classes from two-byte classes. */
const classesOf = (count: number): Feature[] =>
  many(count, (at) => {
    const high = (at >> 8) + 1;
    const low = at & 255;
    const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, "0")}`;
    // Four bytes name the number: no two classes are equal.
    const bits = many(16, (bit) => (((high << 8) | low) >> bit) & 1);
    const members = bits.flatMap((on, bit) => (on ? [hex(128 + bit)] : [])).join("");
    return { name: `c${at}`, of: "path", is: "bytes", any: [`[${members}]`] };
  }).slice(0, count);

type Case = {
  field: string;
  cap: number;
  table: (count: number) => Partial<Table>;
};

const CASES: readonly Case[] = [
  {
    field: "features",
    cap: limit.FEATURES_MAX,
    table: (count) => ({ features: many(count, plain) }),
  },
  {
    field: "sources",
    cap: limit.SOURCES_MAX,
    // The path, the segment's source and the exempt rule are sources too.
    table: (count) => ({
      segments: { ...REST, names: ["rest", "b"] },
      exempt: [],
      features: [
        plain(0),
        plain(1),
        ...many(count - 1, (at) => ({ ...plain(at + 2), of: `header:h${at}` })),
      ],
    }),
  },
  {
    field: "slots",
    cap: limit.SLOTS_MAX,
    table: (count) => ({
      models: [sampleModel({ slots: many(count, () => ({ feature: 0, nan: "low" as const })) })],
    }),
  },
  {
    field: "models",
    cap: limit.MODELS_MAX,
    table: (count) => ({ models: many(count, (at) => linearModel({ name: `m${at}` })) }),
  },
  {
    field: "segments",
    cap: limit.SEGMENTS_MAX,
    table: (count) => ({
      segments: { ...REST, names: many(count, (at) => `s${at}`) },
      models: [],
    }),
  },
  {
    field: "segment entries",
    cap: limit.SEGMENT_ENTRIES_MAX,
    table: (count) => ({
      models: [],
      segments: { ...REST, entries: many(count, (at) => ({ text: `/${at}`, segment: 0 })) },
    }),
  },
  {
    field: "tags",
    cap: limit.TAGS_MAX,
    table: (count) => ({
      segments: REST,
      models: [
        sampleModel({
          tags: many(count, (at) => ({ header: "x-limen-bot", value: `v${at}` })),
          ...{ modes: ["tag"], cuts: [many(count, () => 4096)] },
        }),
      ],
    }),
  },
  {
    field: "exempt rules",
    cap: limit.EXEMPT_MAX,
    table: (count) => ({
      exempt: many(count, (at) => ({ of: "path", match: "prefix" as const, text: `/${at}` })),
    }),
  },
  {
    field: "ignored headers",
    cap: limit.IGNORED_MAX,
    table: (count) => ({ ignored: many(count, (at) => `h${at}`) }),
  },
  {
    field: "trees",
    cap: limit.TREES_MAX,
    table: (count) => forest(many(count, () => stump(0, 1, 0, 1))),
  },
  { field: "depth of a tree", cap: limit.DEPTH_MAX, table: (count) => forest([chain(count)]) },
  {
    field: "worst-case steps",
    cap: limit.STEPS_MAX,
    table: (count) =>
      forest([
        ...many(Math.floor(count / 50), () => chain(50)),
        chain(count - 50 * Math.floor(count / 50)),
      ]),
  },
  {
    field: "patterns",
    cap: limit.PATTERNS_MAX,
    table: (count) => ({ features: patternsOf(count, 4) }),
  },
  {
    field: "pattern elements",
    cap: limit.PATTERN_ELEMENTS_MAX,
    table: (count) => ({
      features: [
        ...patternsOf(Math.floor(count / 100), 100),
        {
          name: "last",
          of: "path",
          is: "matches",
          any: ["y".repeat(count - 100 * Math.floor(count / 100))],
        },
      ],
    }),
  },
  {
    field: "bytes of the name",
    cap: limit.NAME_BYTES_MAX,
    table: (count) => ({ features: [...many(3, plain), { ...plain(4), name: "n".repeat(count) }] }),
  },
];

// As many pattern sets as features may be: that cap cannot be crossed before the other.
describe("encodeTable at its caps", () => {
  for (const { field, cap, table } of CASES) {
    it(`takes ${cap} of ${field}, and so does the filter`, () => {
      expect(scorer.load(encodeTable(sampleTable(table(cap))))).toBe(0);
    });

    it(`refuses ${cap + 1} of ${field}, naming field, value and cap`, () => {
      const encode = () => encodeTable(sampleTable(table(cap + 1)));
      expect(encode).toThrow(LimenError);
      expect(encode).toThrow(field);
      expect(encode).toThrow(new RegExp(`${cap + 1}\\D.*${cap}\\b`));
    });
  }

  it("takes 1,024 byte classes and refuses 1,025", () => {
    // 512 features at most: patterns of several classes each.
    const features = (count: number): Feature[] => {
      const all = classesOf(count).map((feature) => feature.any?.[0] ?? "");
      // The class of first bytes of a set is a class too: one pattern a set shares it.
      return many(Math.ceil(count / 4), (at) => ({
        ...{ name: `c${at}`, of: "path", is: "matches" },
        any: [all.slice(at * 4, at * 4 + 4).join("")],
      }));
    };
    expect(() => encodeTable(sampleTable({ models: [], features: features(1024) }))).not.toThrow();
    expect(() => encodeTable(sampleTable({ models: [], features: features(1025) }))).toThrow(
      "byte classes: 1025 is above the cap of 1024",
    );
  });

  it("refuses 65,537 nodes of one model", () => {
    // 16 trees of 4,095 nodes and 16 single leaves are 65,536 nodes, which do not fit the table.
    const full = many(16, () => balanced(11));
    const leaves = (count: number): TreeNode[] => many(count, () => ({ leaf: [1] }));
    const encode = (count: number) => encodeTable(sampleTable(forest([...full, ...leaves(count)])));
    expect(() => encode(16)).toThrow("table bytes: ");
    expect(() => encode(17)).toThrow("nodes: 65537 is above the cap of 65536");
  });

  it("refuses a table of more than 512 KiB", () => {
    const big = many(128, (at) => sampleModelOf(at));
    expect(() => encodeTable(sampleTable({ models: big.slice(0, 8), segments: REST }))).toThrow(
      /table bytes: \d+ is above the cap of 524288/,
    );
  });

  it("counts the steps of all models together", () => {
    const models = many(2, (at) => ({
      ...sampleModelOf(at),
      kernel: { ...forestKernel(many(220, () => chain(50))) },
    }));
    expect(() => encodeTable(sampleTable({ models, segments: REST }))).toThrow(
      "worst-case steps of all models: 22000 is above the cap of 20000",
    );
  });
});

function forestKernel(trees: TreeNode[]) {
  return { kind: "trees" as const, trees, divisor: 1, accumulator: "f32" as const };
}

function sampleModelOf(at: number) {
  return sampleModel({
    ...SMALL,
    name: `m${at}`,
    kernel: forestKernel(many(4, () => balanced(11))),
  });
}
