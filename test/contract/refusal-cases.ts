import { encodeTable } from "../../control/table/encode.ts";
import { SOURCE_COOKIE } from "../../models/measures.ts";
import * as layout from "../../models/table-layout.ts";
import { aForest, aLeaf, aModel, aTable, aTree } from "../support/builders.ts";
import { changed, findSection } from "./mutate.ts";

/** Everything but trees. */
export const LINEAR = encodeTable(
  aTable({
    features: [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "dots", of: "target", is: "matches", any: ["..", "%2e"] },
      { name: "hash", of: "cookie:a", is: "hash", buckets: 8 },
      { name: "cookie", of: "cookie:b", is: "length" },
      { name: "grams", of: "path", is: "grams", gram: 2, weights: Float32Array.of(1, 2) },
      { name: "hour", of: "clock", is: "hour" },
    ],
    segments: {
      of: "path",
      match: "prefix",
      names: ["rest", "a"],
      entries: [
        { text: "/a", segment: 1 },
        { text: "/ab", segment: 1 },
      ],
    },
    models: [
      aModel({
        tags: ["low", "high"].map((value) => ({ header: "x-limen-bot", value })),
        modes: ["tag", "tag"],
        cuts: [
          [1, 2],
          [1, 2],
        ],
      }),
    ],
    exempt: [{ of: "authority", match: "equals", text: "a.b" }],
    ignored: ["x-request-id"],
  }),
);
/** Two trees: a split of splits (nodes 0 to 4) and a leaf (node 5). */
export const TREES = encodeTable(
  aTable({
    models: [
      aForest([{ slot: 0, threshold: 3, left: aTree(0, 1, 1, 2), right: aLeaf(9) }, aLeaf(1)]),
    ],
  }),
);
export const ROWS = encodeTable(
  aTable({
    models: [aForest([aLeaf(1, 2)], { base: [0, 0], output: "softmax", lo: 0, hi: 1 })],
  }),
);

type Write = "writeUInt8" | "writeUInt16LE" | "writeUInt32LE" | "writeFloatLE";

/** A table with one number changed, at an offset within a section. */
function put(table: Uint8Array, kind: number, at: number, write: Write, value: number): Buffer {
  const { offset } = findSection(table, kind);
  return changed(table, (copy) => copy[write](value, offset + at));
}

const head = (at: number, write: Write, value: number): Buffer =>
  changed(LINEAR, (copy) => copy[write](value, at));
const settings = (at: number, value: number): Buffer =>
  put(LINEAR, layout.KIND_SETTINGS, at, "writeUInt16LE", value);
const feature = (index: number, at: number, value: number): Buffer =>
  put(LINEAR, layout.KIND_FEATURES, index * layout.FEATURE_SIZE + at, "writeUInt16LE", value);
const node = (index: number, at: number, value: number): Buffer =>
  put(TREES, layout.KIND_NODES, index * layout.NODE_SIZE + at, "writeUInt16LE", value);
const entry = (index: number, at: number, value: number): Buffer =>
  put(LINEAR, layout.KIND_SEGMENT_ENTRIES, index * layout.ENTRY_SIZE + at, "writeUInt16LE", value);
const model = (at: number, value: number): Buffer =>
  put(LINEAR, layout.KIND_MODEL, at, "writeUInt8", value);

/** Writes into the text a span of the section names. */
function spoilText(kind: number, spanAt: number, text: string): Buffer {
  const { offset } = findSection(LINEAR, kind);
  const pool = findSection(LINEAR, layout.KIND_BYTES).offset;
  return changed(LINEAR, (copy) => {
    copy.write(text, pool + copy.readUInt32LE(offset + spanAt), "latin1");
  });
}

/** The second cookie gets the name of the first. */
function repeatSource(): Buffer {
  const { offset, length } = findSection(LINEAR, layout.KIND_SOURCES);
  return changed(LINEAR, (copy) => {
    const cookies = Array.from(
      { length: length / layout.SOURCE_SIZE },
      (_, at) => offset + 16 * at,
    ).filter((at) => copy.readUInt16LE(at) === SOURCE_COOKIE);
    const [first = 0, second = 0] = cookies;
    copy.copy(copy, second, first, first + layout.SOURCE_SIZE);
  });
}

export const REFUSAL_CASES: Readonly<Record<string, () => Uint8Array>> = {
  REFUSE_LENGTH: () => head(layout.HEAD_LENGTH, "writeUInt32LE", LINEAR.length + 8),
  REFUSE_MAGIC: () => head(layout.HEAD_MAGIC, "writeUInt32LE", 0x4e4d494d),
  REFUSE_LAYOUT: () => head(layout.HEAD_LAYOUT, "writeUInt16LE", layout.LAYOUT + 1),
  REFUSE_HEAD_FLAGS: () => head(layout.HEAD_FLAGS, "writeUInt16LE", 1),
  REFUSE_CRC: () => {
    const copy = Buffer.from(LINEAR);
    copy[layout.HEAD_CRC] = (copy[layout.HEAD_CRC] ?? 0) ^ 1;
    return copy;
  },
  REFUSE_DIRECTORY: () => head(layout.HEAD_SIZE + layout.SECTION_KIND, "writeUInt32LE", 2),
  REFUSE_TILING: () => head(layout.HEAD_SIZE + layout.SECTION_OFFSET, "writeUInt32LE", 8),
  REFUSE_SECTION_LENGTH: () => {
    const { entry: at, length } = findSection(LINEAR, layout.KIND_SEGMENT_ENTRIES);
    return head(at + layout.SECTION_LENGTH, "writeUInt32LE", length - 1);
  },
  REFUSE_RESERVED: () => settings(layout.SETTINGS_RESERVED, 1),
  REFUSE_SETTINGS: () => settings(layout.SETTINGS_SEGMENT_MATCH, 2),
  REFUSE_SEGMENT_SOURCE: () => settings(layout.SETTINGS_SEGMENT_SOURCE, 99),
  REFUSE_SPAN: () => put(LINEAR, layout.KIND_IGNORED, layout.SPAN_OFFSET, "writeUInt32LE", 1e9),
  REFUSE_SOURCE: () => put(LINEAR, layout.KIND_SOURCES, 0, "writeUInt16LE", 99),
  REFUSE_SOURCE_TWICE: repeatSource,
  REFUSE_FEATURE: () => feature(0, layout.FEATURE_MEASURE, 99),
  REFUSE_ARGUMENT: () => feature(2, layout.FEATURE_ARGUMENT0, 7),
  REFUSE_SCAN: () => feature(0, layout.FEATURE_SCAN, 0),
  REFUSE_PATTERN_SET: () => put(LINEAR, layout.KIND_PATTERN_SETS, 4, "writeUInt16LE", 9),
  REFUSE_PATTERN: () => put(LINEAR, layout.KIND_PATTERNS, 4, "writeUInt32LE", 0),
  REFUSE_ELEMENT: () => put(LINEAR, layout.KIND_ELEMENTS, 0, "writeUInt16LE", 99),
  REFUSE_NUMBER: () => put(LINEAR, layout.KIND_WEIGHTS, 0, "writeFloatLE", Infinity),
  REFUSE_ENTRY_ORDER: () => spoilEntryOrder(),
  REFUSE_ENTRY_SEGMENT: () => entry(0, layout.ENTRY_SEGMENT, 2),
  REFUSE_ENTRY_PARENT: () => entry(1, layout.ENTRY_PARENT, 0),
  REFUSE_EXEMPT: () => put(LINEAR, layout.KIND_EXEMPT, layout.EXEMPT_MATCH, "writeUInt16LE", 2),
  REFUSE_IGNORED: () => spoilText(layout.KIND_IGNORED, 0, "X"),
  REFUSE_MODEL: () => model(layout.MODEL_KERNEL, 3),
  REFUSE_SLOT: () => put(LINEAR, layout.KIND_SLOTS, layout.SLOT_FEATURE, "writeUInt16LE", 99),
  REFUSE_TAG_HEADER: () => spoilText(layout.KIND_TAGS, layout.TAG_HEADER, "x_"),
  REFUSE_TAG_VALUE: () => spoilText(layout.KIND_TAGS, layout.TAG_VALUE, "\n"),
  REFUSE_MODE: () => put(LINEAR, layout.KIND_MODES, 0, "writeUInt8", 3),
  REFUSE_CUT: () => put(LINEAR, layout.KIND_CUTS, 2, "writeUInt16LE", 4097),
  REFUSE_ROOT: () => put(TREES, layout.KIND_TREES, 0, "writeUInt32LE", 1),
  REFUSE_NODE: () => node(0, layout.NODE_OFFSET, 2),
  REFUSE_NODE_SLOT: () => node(0, layout.NODE_SLOT, 1),
  REFUSE_LEAF_ROW: () => put(ROWS, layout.KIND_NODES, 0, "writeUInt32LE", 1),
};

/** The same refusals at the very edge of what is in bounds, and beyond where sums wrap around. */
export const EDGE_CASES: Readonly<Record<string, [code: string, build: () => Uint8Array]>> = {
  "a span whose end wraps around 2^32": [
    "REFUSE_SPAN",
    () => {
      const { offset } = findSection(LINEAR, layout.KIND_IGNORED);
      return changed(LINEAR, (copy) => {
        copy.writeUInt32LE(0xffffffff, offset + layout.SPAN_OFFSET);
        copy.writeUInt32LE(2, offset + layout.SPAN_LENGTH);
      });
    },
  ],
  "a span that ends one byte after the pool": [
    "REFUSE_SPAN",
    () => {
      const pool = findSection(LINEAR, layout.KIND_BYTES);
      const { offset } = findSection(LINEAR, layout.KIND_IGNORED);
      return changed(LINEAR, (copy) => {
        const length = copy.readUInt32LE(offset + layout.SPAN_LENGTH);
        copy.writeUInt32LE(pool.length - length + 1, offset + layout.SPAN_OFFSET);
      });
    },
  ],
  "a pattern whose end wraps around 2^32": [
    "REFUSE_PATTERN",
    () => put(LINEAR, layout.KIND_PATTERNS, layout.PATTERN_START, "writeUInt32LE", 0xffffffff),
  ],
  "a pattern that ends one element after the last": [
    "REFUSE_PATTERN",
    () => put(LINEAR, layout.KIND_PATTERNS, layout.PATTERN_START, "writeUInt32LE", 4),
  ],
  "splits whose right child is one node after their tree": ["REFUSE_NODE", crossTrees],
  "a share one above all": [
    "REFUSE_SETTINGS",
    () => put(LINEAR, layout.KIND_SETTINGS, layout.SETTINGS_AUDIT, "writeUInt32LE", 1000001),
  ],
};

/**
 * Six nodes cut into trees of two and four. Each node has one parent if node 2 may belong to the first
 * tree and node 6, which does not exist, to the second.
 */
function crossTrees(): Buffer {
  const table = encodeTable(aTable({ models: [aForest([aTree(0, 1, 2, 3), aTree(0, 1, 2, 3)])] }));
  const roots = findSection(table, layout.KIND_TREES).offset;
  const nodes = findSection(table, layout.KIND_NODES).offset;
  return changed(table, (copy) => {
    copy.writeUInt32LE(2, roots + 4);
    copy.writeUInt16LE(0, nodes + 2 * layout.NODE_SIZE + layout.NODE_SLOT);
    copy.writeUInt16LE(1, nodes + 2 * layout.NODE_SIZE + layout.NODE_OFFSET);
    copy.writeUInt16LE(2, nodes + 3 * layout.NODE_SIZE + layout.NODE_OFFSET);
  });
}

/** Two entries with their texts exchanged. */
function spoilEntryOrder(): Buffer {
  const { offset } = findSection(LINEAR, layout.KIND_SEGMENT_ENTRIES);
  return changed(LINEAR, (copy) => {
    LINEAR.subarray(offset, offset + 8).forEach((byte, at) => {
      copy[offset + layout.ENTRY_SIZE + at] = byte;
    });
    copy.writeUInt16LE(1, offset + layout.ENTRY_SIZE + layout.ENTRY_PARENT);
  });
}
