import type { Feature, Table, TreeNode } from "../../control/table/table.ts";
import { REFUSE_DEPTH, REFUSE_STEPS } from "../../models/refusals.ts";
import { aForest, aLeaf, aModel, aTable, aTree } from "../support/builders.ts";

/** A cap of models/limits.ts: its value, and a table that holds just so many of what it counts. */
export type LimitCase = {
  most: number;
  build: (count: number) => Partial<Table>;
  /** What the reader answers above it, where no other fault of the table comes first. */
  code?: number;
};

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const score: Feature = { name: "score", of: "header:x-score", is: "number" };
const withFeatures = (...features: readonly Feature[]): Partial<Table> => ({
  features: [score, ...features],
});

/** A tree that is a chain of splits: as deep as it says, with that many splits. */
function aChain(depth: number): TreeNode {
  let node: TreeNode = aLeaf(depth);
  for (let at = depth - 1; at >= 0; at--) {
    node = { slot: 0, threshold: at, left: aLeaf(at), right: node };
  }
  return node;
}

/** Chains whose depths add up to the steps asked for. */
function chainsOf(steps: number): TreeNode[] {
  const whole = range(Math.floor(steps / 64)).map(() => aChain(64));
  return steps % 64 === 0 ? whole : [...whole, aChain(steps % 64)];
}

function segmentsOf(names: number, entries: number): Partial<Table> {
  return {
    segments: {
      of: "path",
      match: "prefix",
      names: range(names).map((index) => `s${index}`),
      entries: range(entries).map((index) => ({ text: `/${index}`, segment: 0 })),
    },
    models: [aModel({ modes: range(names).map(() => "tag"), cuts: range(names).map(() => [1]) })],
  };
}

/** Two hex digits a byte, as a pattern: distinct classes of three bytes. */
const threeBytes = (index: number): string => {
  const hex = (value: number): string => `\\x${value.toString(16).padStart(2, "0")}`;
  return `[${hex(128 + (index % 100))}${hex(index >> 7)}${hex(index & 127)}]`;
};

/** Names of 250 bytes and one shorter fill the byte pool; the rest of the table adds its own. */
function poolOf(bytes: number): Partial<Table> {
  const own = ["score", "x-score", "bot", "x-limen-bot", "rest"].join("").length;
  const rest = bytes - own;
  const full = Math.floor((rest - 6) / 250);
  const lengths = [...range(full).map(() => 250), rest - 250 * full];
  const texts = lengths.map((length, index) => String(index).padStart(6, "0").padEnd(length, "x"));
  const entries = texts.map((text) => ({ text, segment: 0 }));
  return { segments: { of: "path", match: "prefix", names: ["rest"], entries } };
}

const manyFeatures = (count: number): Feature[] =>
  range(count).map((index) => ({ name: `f${index}`, of: "path", is: "length" }));

export const LIMIT_CASES: Readonly<Record<string, LimitCase>> = {
  FEATURES_MAX: { most: 512, build: (count) => withFeatures(...manyFeatures(count - 1)) },
  SOURCES_MAX: {
    most: 64,
    build: (count) =>
      withFeatures(
        ...range(count - 1).map((at) => ({ name: `f${at}`, of: `header:h${at}`, is: "length" })),
      ),
  },
  SLOTS_MAX: {
    most: 512,
    build: (count) => ({
      models: [
        aModel({
          slots: range(count).map(() => ({ feature: 0, nan: "keep" })),
          kernel: { kind: "linear", weights: [range(count).map(() => 1)] },
        }),
      ],
    }),
  },
  MODELS_MAX: {
    most: 8,
    build: (count) => ({ models: range(count).map((at) => aModel({ name: `m${at}` })) }),
  },
  SEGMENTS_MAX: { most: 1024, build: (count) => segmentsOf(count, 1) },
  SEGMENT_ENTRIES_MAX: { most: 4096, build: (count) => segmentsOf(1, count) },
  TAGS_MAX: {
    most: 16,
    build: (count) => ({
      models: [
        aModel({
          tags: range(count).map((at) => ({ header: "x-limen-bot", value: `v${at}` })),
          cuts: [range(count)],
        }),
      ],
    }),
  },
  EXEMPT_MAX: {
    most: 64,
    build: (count) => ({
      exempt: range(count).map((at) => ({ of: "path", match: "prefix", text: `/x${at}` })),
    }),
  },
  IGNORED_MAX: {
    most: 64,
    build: (count) => ({ ignored: range(count).map((at) => `x-${at}`) }),
  },
  TREES_MAX: {
    most: 4096,
    build: (count) => ({ models: [aForest(range(count).map(() => aTree(0, 1, 2, 3)))] }),
  },
  DEPTH_MAX: {
    most: 64,
    build: (count) => ({ models: [aForest([aChain(count)])] }),
    code: REFUSE_DEPTH,
  },
  STEPS_MAX: {
    most: 20000,
    build: (count) => ({ models: [aForest(chainsOf(count))] }),
    code: REFUSE_STEPS,
  },
  CLASSES_MAX: {
    most: 64,
    build: (count) => {
      const base = range(count).map(() => 0);
      return { models: [aForest([aLeaf(...base)], { base, output: "softmax", lo: 0, hi: 1 })] };
    },
  },
  PATTERN_SETS_MAX: {
    most: 512,
    build: (count) => ({
      features: range(count).map((at) => ({
        name: `f${at}`,
        of: "path",
        is: "matches",
        any: [`a${at}`],
      })),
    }),
  },
  PATTERNS_MAX: {
    most: 4096,
    build: (count) =>
      withFeatures({
        name: "p",
        of: "path",
        is: "matches",
        any: range(count).map((at) => `${at}`.padStart(4, "0")),
      }),
  },
  PATTERN_ELEMENTS_MAX: {
    most: 65535,
    build: (count) =>
      withFeatures({
        name: "p",
        of: "path",
        is: "matches",
        any: [
          ...range(Math.floor(count / 64)).map((at) => String(at).padEnd(64, "x")),
          "y".repeat(count % 64),
        ].filter((pattern) => pattern !== ""),
      }),
  },
  BYTE_CLASSES_MAX: {
    most: 1024,
    build: (count) =>
      withFeatures({
        name: "p",
        of: "path",
        is: "matches",
        any: ["a", ...range(count - 1).map((at) => `a${threeBytes(at)}`)],
      }),
  },
  GRAM_MAX: {
    most: 8,
    build: (count) =>
      withFeatures({
        name: "g",
        of: "path",
        is: "grams",
        gram: count,
        weights: new Float32Array(2),
      }),
  },
  NAME_BYTES_MAX: {
    most: 256,
    build: (count) => ({ models: [aModel({ name: "n".repeat(count) })] }),
  },
  BYTES_POOL_MAX: { most: 262144, build: poolOf },
};

/** A tree of that many splits, as flat as it can be. */
function aBush(splits: number): TreeNode {
  if (splits === 0) return aLeaf(splits);
  const left = Math.floor((splits - 1) / 2);
  return { slot: 0, threshold: splits, left: aBush(left), right: aBush(splits - 1 - left) };
}

/** A table of just so many bytes: weights in bulk, then nodes of 16 bytes, then one name. */
export function fillTable(bytes: number, measure: (table: Table) => number): () => Table {
  const build = (splits: number, name: string): Table => {
    const grams = range(7).map(
      (at): Feature => ({
        name: `g${at}`,
        of: "path",
        is: "grams",
        gram: 3,
        weights: new Float32Array(16384).fill(at),
      }),
    );
    const models = [aForest([aBush(splits)], { name })];
    return aTable({ features: [score, ...grams], models });
  };
  return () => {
    const missing = bytes - measure(build(0, "bot"));
    const splits = Math.floor(missing / 16);
    return build(splits, missing % 16 === 0 ? "bot" : "eight by");
  };
}
