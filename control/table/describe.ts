import { BINS, FEATURES_MAX, MODELS_MAX, SHARE_ALL } from "../../models/limits.ts";
import * as layout from "../../models/table-layout.ts";
import { LimenError } from "../errors.ts";
import type { Mode, Tag } from "./table.ts";

export type ModelNames = {
  name: string;
  /** 16 hex digits, as `modelDigest` gives them. */
  digest: string;
  kernel: "linear" | "trees";
  output: "identity" | "logistic" | "softmax";
  /** Range of what is binned; a cut as a score is read off it. */
  lo: number;
  hi: number;
  tags: Tag[];
  modes: Mode[];
  /** cuts[segment][tag]. */
  cuts: number[][];
  candidateCuts?: number[][];
};

/** What people and counts need of a table: names and settings, no trees. */
export type TableNames = {
  serial: number;
  /** 16 hex digits, the digest the table carries. */
  digest: string;
  audit: number;
  extra: number;
  extraWidth: number;
  candidate: number;
  vector: number;
  trustMesh: boolean;
  token: boolean;
  record: boolean;
  features: string[];
  segments: string[];
  models: ModelNames[];
};

type Sections = { view: DataView; find: (kind: number, index?: number) => DataView };

const MODES: readonly Mode[] = ["off", "shadow", "tag"];
const OUTPUTS = ["identity", "logistic", "softmax"] as const;

const hex = (view: DataView, at: number): string =>
  view.getBigUint64(at, false).toString(16).padStart(16, "0");

/** The sections of a table; only head and directory are checked, the filter checks the rest. */
function openSections(bytes: Uint8Array): Sections {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < layout.HEAD_SIZE || view.getUint32(layout.HEAD_MAGIC, true) !== layout.MAGIC) {
    throw new LimenError("input", "table: the bytes do not begin like a table; compile one");
  }
  const version = view.getUint16(layout.HEAD_LAYOUT, true);
  if (version !== layout.LAYOUT) {
    throw new LimenError(
      "input",
      `table: layout ${version} is not ${layout.LAYOUT}; compile again`,
    );
  }
  const found = new Map<string, DataView>();
  const count = view.getUint32(layout.HEAD_SECTIONS, true);
  for (let section = 0; section < count; section++) {
    const at = layout.HEAD_SIZE + section * layout.SECTION_SIZE;
    const [kind, index, offset, length] = [0, 4, 8, 12].map((word) =>
      view.getUint32(at + word, true),
    );
    found.set(
      `${kind}:${index}`,
      new DataView(bytes.buffer, bytes.byteOffset + (offset ?? 0), length ?? 0),
    );
  }
  const find = (kind: number, index = 0): DataView => {
    const section = found.get(`${kind}:${index}`);
    if (section) return section;
    throw new LimenError("input", `table: section ${kind} of model ${index} is missing`);
  };
  return { view, find };
}

function readText(sections: Sections, section: DataView, at: number): string {
  const pool = sections.find(layout.KIND_BYTES);
  const offset = section.getUint32(at + layout.SPAN_OFFSET, true);
  const length = section.getUint32(at + layout.SPAN_LENGTH, true);
  return Buffer.from(pool.buffer, pool.byteOffset, pool.byteLength)
    .subarray(offset, offset + length)
    .toString("utf8");
}

/** One text for each fixed-size entry of a section. */
function readTexts(sections: Sections, section: DataView, size: number, span: number): string[] {
  const count = Math.floor(section.byteLength / size);
  return Array.from({ length: count }, (_, at) => readText(sections, section, at * size + span));
}

function readCuts(section: DataView, segments: number, tags: number): number[][] {
  return Array.from({ length: segments }, (_, segment) =>
    Array.from({ length: tags }, (_, tag) => section.getUint16(2 * (segment * tags + tag), true)),
  );
}

function readModel(sections: Sections, index: number, segments: number): ModelNames {
  const head = sections.find(layout.KIND_MODEL, index);
  const tagSection = sections.find(layout.KIND_TAGS, index);
  const headers = readTexts(sections, tagSection, layout.TAG_SIZE, layout.TAG_HEADER);
  const values = readTexts(sections, tagSection, layout.TAG_SIZE, layout.TAG_VALUE);
  const modes = sections.find(layout.KIND_MODES, index);
  const candidate = sections.find(layout.KIND_CANDIDATE_CUTS, index);
  const lo = head.getFloat64(layout.MODEL_LO, true);
  const tags = headers.map((header, at) => ({ header, value: values[at] ?? "" }));
  return {
    name: readText(sections, head, layout.MODEL_NAME),
    digest: hex(head, layout.MODEL_DIGEST),
    kernel: head.getUint8(layout.MODEL_KERNEL) === layout.KERNEL_TREES ? "trees" : "linear",
    output: OUTPUTS[head.getUint8(layout.MODEL_OUTPUT)] ?? "identity",
    lo,
    hi: lo + BINS / head.getFloat64(layout.MODEL_K, true),
    tags,
    modes: Array.from({ length: segments }, (_, at) => MODES[modes.getUint8(at)] ?? "off"),
    cuts: readCuts(sections.find(layout.KIND_CUTS, index), segments, tags.length),
    ...(candidate.byteLength > 0 && { candidateCuts: readCuts(candidate, segments, tags.length) }),
  };
}

function readTable(sections: Sections): TableNames {
  const { view } = sections;
  const settings = sections.find(layout.KIND_SETTINGS);
  const word = (at: number): number => settings.getUint32(at, true);
  const flags = word(layout.SETTINGS_FLAGS);
  const features = sections.find(layout.KIND_FEATURES);
  const segmentNames = sections.find(layout.KIND_SEGMENTS);
  const segments = readTexts(sections, segmentNames, layout.SPAN_SIZE, 0);
  const models = Math.min(word(layout.SETTINGS_MODELS), MODELS_MAX);
  return {
    serial: view.getUint32(layout.HEAD_SERIAL, true),
    digest: hex(view, layout.HEAD_DIGEST),
    audit: word(layout.SETTINGS_AUDIT) / SHARE_ALL,
    extra: word(layout.SETTINGS_EXTRA) / SHARE_ALL,
    extraWidth: word(layout.SETTINGS_EXTRA_WIDTH),
    candidate: word(layout.SETTINGS_CANDIDATE) / SHARE_ALL,
    vector: word(layout.SETTINGS_VECTOR) / SHARE_ALL,
    trustMesh: (flags & layout.FLAG_TRUST_MESH) !== 0,
    token: (flags & layout.FLAG_TOKEN) !== 0,
    record: (flags & layout.FLAG_RECORD) !== 0,
    features: readTexts(sections, features, layout.FEATURE_SIZE, layout.FEATURE_NAME).slice(
      0,
      FEATURES_MAX,
    ),
    segments,
    models: Array.from({ length: models }, (_, index) =>
      readModel(sections, index, segments.length),
    ),
  };
}

/** The names and settings in a table's bytes; "input" when they are not a table. */
export function describeTable(bytes: Uint8Array): TableNames {
  try {
    return readTable(openSections(bytes));
  } catch (thrown) {
    if (thrown instanceof LimenError) throw thrown;
    throw new LimenError(
      "input",
      "table: the bytes are cut short or broken; compile again",
      thrown,
    );
  }
}
