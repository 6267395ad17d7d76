import {
  BINS,
  MODELS_MAX,
  SECTIONS_MAX,
  SHARE_ALL,
  STEPS_MAX,
  TABLE_BYTES_MAX,
} from "../../models/limits.ts";
import * as layout from "../../models/table-layout.ts";
import { type ByteWriter, createWriter } from "./bytes.ts";
import { checkCap, checkDistinct, checkWhole, refuse } from "./cap.ts";
import { writeFeatures } from "./features.ts";
import { checkScore, type ModelSections, writeModel } from "./model.ts";
import { type BytePool, createPool, createShared, type Shared } from "./pool.ts";
import { DIGEST_BYTES, hashTable, sealTable } from "./seal.ts";
import {
  MATCHES,
  writeExempt,
  writeIgnored,
  writeSegmentEntries,
  writeSegmentNames,
} from "./segments.ts";
import { addSource, type Source, writeSources } from "./sources.ts";
import type { Feature, Model, ModelScore, Table } from "./table.ts";

type Section = { kind: number; index: number; bytes: Uint8Array };

const TOKEN_KEY_BYTES = 16;
const UINT32_MAX = 0xffffffff;
const UINT64_MAX = 0xffffffffffffffffn;

/** A share of 0 to 1 as parts per million. */
function writeShare(writer: ByteWriter, field: string, share: number): void {
  if (!(share >= 0 && share <= 1)) throw refuse(field, `${share} is no share from 0 to 1`);
  writer.u32(Math.round(share * SHARE_ALL));
}

function writeSettings(table: Table, sources: Shared<Source>): Uint8Array {
  const writer = createWriter();
  checkWhole("extraWidth", table.extraWidth, 0, BINS);
  if (table.salt < 0n || table.salt > UINT64_MAX) throw refuse("salt", "is not 64 bits");
  if (table.tokenKey.length !== TOKEN_KEY_BYTES) {
    throw refuse("tokenKey", `has ${table.tokenKey.length} bytes, not ${TOKEN_KEY_BYTES}`);
  }
  const flags =
    (table.trustMesh ? layout.FLAG_TRUST_MESH : 0) |
    (table.token ? layout.FLAG_TOKEN : 0) |
    (table.record ? layout.FLAG_RECORD : 0);
  const segmented = table.segments.entries.length > 0;
  writer.u32(flags);
  writeShare(writer, "audit", table.audit);
  writeShare(writer, "extra", table.extra);
  writer.u32(table.extraWidth);
  writeShare(writer, "candidate", table.candidate);
  writeShare(writer, "vector", table.vector);
  writer.u64(table.salt);
  writer.bytes(table.tokenKey);
  writer.u16(segmented ? addSource(sources, "segments.of", table.segments.of) : 0);
  writer.u16(MATCHES[table.segments.match]);
  writer.u32(table.models.length);
  writer.u64(0n);
  return writer.done();
}

function tableSections(table: Table, pool: BytePool): Section[] {
  const sources = createShared<Source>();
  const features = writeFeatures(table.features, sources, pool);
  const settings = writeSettings(table, sources);
  const exempt = writeExempt(table.exempt, sources, pool);
  const sourceWriter = createWriter();
  writeSources(sourceWriter, sources.items(), pool);
  const sections: [number, Uint8Array][] = [
    [layout.KIND_SETTINGS, settings],
    [layout.KIND_SOURCES, sourceWriter.done()],
    [layout.KIND_FEATURES, features.features],
    [layout.KIND_CLASSES, features.classes],
    [layout.KIND_PATTERN_SETS, features.patternSets],
    [layout.KIND_PATTERNS, features.patterns],
    [layout.KIND_ELEMENTS, features.elements],
    [layout.KIND_GRAM_WEIGHTS, features.gramWeights],
    [layout.KIND_SEGMENTS, writeSegmentNames(table.segments, pool)],
    [layout.KIND_SEGMENT_ENTRIES, writeSegmentEntries(table.segments, pool)],
    [layout.KIND_EXEMPT, exempt],
    [layout.KIND_IGNORED, writeIgnored(table.ignored, pool)],
  ];
  return sections.map(([kind, bytes]) => ({ kind, index: 0, bytes }));
}

function modelSections(model: ModelSections, index: number): Section[] {
  const sections: [number, Uint8Array][] = [
    [layout.KIND_MODEL, model.model],
    [layout.KIND_SLOTS, model.slots],
    [layout.KIND_TREES, model.trees],
    [layout.KIND_NODES, model.nodes],
    [layout.KIND_LEAF_ROWS, model.leafRows],
    [layout.KIND_WEIGHTS, model.weights],
    [layout.KIND_TAGS, model.tags],
    [layout.KIND_MODES, model.modes],
    [layout.KIND_CUTS, model.cuts],
    [layout.KIND_CANDIDATE_CUTS, model.candidateCuts],
  ];
  return sections.map(([kind, bytes]) => ({ kind, index, bytes }));
}

const padded = (length: number): number => (length + 7) & ~7;

/** Head, directory sorted by (kind, index), then the sections, each padded to 8 bytes. */
function layOut(serial: number, sections: Section[]): Uint8Array {
  checkCap("sections", sections.length, SECTIONS_MAX);
  sections.sort((a, b) => a.kind - b.kind || a.index - b.index);
  const start = layout.HEAD_SIZE + sections.length * layout.SECTION_SIZE;
  const length = sections.reduce((sum, section) => sum + padded(section.bytes.length), start);
  checkCap("table bytes", length, TABLE_BYTES_MAX);
  const writer = createWriter();
  writer.u32(layout.MAGIC);
  writer.u16(layout.LAYOUT);
  writer.u16(0);
  writer.u32(length);
  writer.u32(0);
  writer.u64(0n);
  writer.u32(serial);
  writer.u32(sections.length);
  let offset = start;
  for (const { kind, index, bytes } of sections) {
    for (const value of [kind, index, offset, bytes.length]) writer.u32(value);
    offset += padded(bytes.length);
  }
  for (const { bytes } of sections) {
    writer.bytes(bytes);
    writer.bytes(new Uint8Array(padded(bytes.length) - bytes.length));
  }
  return writer.done();
}

function buildUnsealed(table: Table, digests: readonly Uint8Array[]): Uint8Array {
  checkWhole("serial", table.serial, 0, UINT32_MAX);
  checkCap("models", table.models.length, MODELS_MAX);
  checkDistinct(
    "models",
    table.models.map((model) => model.name),
  );
  const pool = createPool();
  const sections = tableSections(table, pool);
  let steps = 0;
  table.models.forEach((model, index) => {
    const digest = digests[index] ?? new Uint8Array(DIGEST_BYTES);
    const written = writeModel(
      model,
      digest,
      table.features.length,
      table.segments.names.length,
      pool,
    );
    steps += written.steps;
    sections.push(...modelSections(written, index));
  });
  checkCap("worst-case steps of all models", steps, STEPS_MAX);
  sections.push({ kind: layout.KIND_BYTES, index: 0, bytes: pool.done() });
  return layOut(table.serial, sections);
}

const NEUTRAL: Omit<Table, "features" | "models"> = {
  serial: 0,
  audit: 0,
  extra: 0,
  extraWidth: 0,
  candidate: 0,
  vector: 0,
  salt: 0n,
  tokenKey: new Uint8Array(TOKEN_KEY_BYTES),
  trustMesh: false,
  token: false,
  record: false,
  segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
  exempt: [],
  ignored: [],
};

/** A model with only the features it reads, in their order. */
function takeAlone(
  model: ModelScore & { name: string },
  features: readonly Feature[],
): { alone: Model; read: Feature[] } {
  const used = [...new Set(model.slots.map((slot) => slot.feature))].sort((a, b) => a - b);
  const slots = model.slots.map((slot) => ({ ...slot, feature: used.indexOf(slot.feature) }));
  const { name, kernel, base, output, lo, hi } = model;
  const alone: Model = {
    ...{ name, kernel, base, output, lo, hi, slots, class: model.class },
    ...{ tags: [], modes: ["shadow"], cuts: [[]] },
  };
  return { alone, read: used.flatMap((index) => features[index] ?? []) };
}

function hashModel(model: ModelScore & { name: string }, features: readonly Feature[]): Uint8Array {
  checkScore(`model "${model.name}"`, model, features.length);
  const { alone, read } = takeAlone(model, features);
  return hashTable(buildUnsealed({ ...NEUTRAL, features: read, models: [alone] }, []));
}

/**
 * What a model is, as 16 hex digits: the same in every table that holds it, whatever its tags, cuts,
 * segments and neighbours there.
 */
export function modelDigest(
  model: ModelScore & { name: string },
  features: readonly Feature[],
): string {
  return Buffer.from(hashModel(model, features)).toString("hex");
}

/** The bytes of a table, sealed; refuses whatever is above a cap of models/limits.ts. */
export function encodeTable(table: Table): Uint8Array {
  const digests = table.models.map((model) => hashModel(model, table.features));
  const bytes = buildUnsealed(table, digests);
  sealTable(bytes);
  return bytes;
}
