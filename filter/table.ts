// The slots that hold tables, and typed reads of a table that validate.ts has passed. Layout:
// models/table-layout.ts. A table is addressed by its first byte; reads are not checked again.

import * as limit from "../models/limits";
import * as layout from "../models/table-layout";

/** Bytes of the name index behind each table (names.ts). */
export const NAMES_BYTES: i32 = 2048;
const SLOT_BYTES: i32 = limit.TABLE_BYTES_MAX + NAMES_BYTES;

/** Two slots a plugin: the active table and the one being read. */
const SLOTS: usize = memory.data(2 * limit.PLUGINS_MAX * (limit.TABLE_BYTES_MAX + 2048));
/** u32 a plugin: 0 no table, 1 the first slot, 2 the second. One store publishes. */
const ACTIVE: usize = memory.data(4 * limit.PLUGINS_MAX);

export function slotTable(plugin: i32, slot: i32): usize {
  return SLOTS + ((plugin << 1) + slot) * SLOT_BYTES;
}

/** The newest table of a plugin; 0 without one. */
export function activeTable(plugin: i32): usize {
  const active: i32 = load<i32>(ACTIVE + (plugin << 2));
  return active === 0 ? 0 : slotTable(plugin, active - 1);
}

/** The slot, 0 or 1, a new table is read into: never that of the newest. */
export function stagingSlot(plugin: i32): i32 {
  return load<u32>(ACTIVE + (plugin << 2)) === 1 ? 1 : 0;
}

export function publishSlot(plugin: i32, slot: i32): void {
  store<i32>(ACTIVE + (plugin << 2), slot + 1);
}

export function publishNone(plugin: i32): void {
  store<u32>(ACTIVE + (plugin << 2), 0);
}

/** Where a section stands in the directory: kinds 1 to 13 once, then 32 to 41 a model each. */
export function sectionEntry(table: usize, kind: i32, model: i32, models: i32): usize {
  const position =
    kind <= layout.KIND_IGNORED
      ? kind - layout.KIND_SETTINGS
      : layout.KIND_IGNORED + (kind - layout.KIND_MODEL) * models + model;
  return table + layout.HEAD_SIZE + position * layout.SECTION_SIZE;
}

export function settingsOf(table: usize): usize {
  return table + load<u32>(table + layout.HEAD_SIZE + layout.SECTION_OFFSET);
}

export function countModels(table: usize): i32 {
  return load<i32>(settingsOf(table) + layout.SETTINGS_MODELS);
}

/** Start of a section of the table. */
export function sectionOf(table: usize, kind: i32): usize {
  return table + load<u32>(sectionEntry(table, kind, 0, 0) + layout.SECTION_OFFSET);
}

export function sectionLength(table: usize, kind: i32): i32 {
  return load<i32>(sectionEntry(table, kind, 0, 0) + layout.SECTION_LENGTH);
}

/** Start of a section of a model. */
export function modelSection(table: usize, kind: i32, model: i32): usize {
  const entry = sectionEntry(table, kind, model, countModels(table));
  return table + load<u32>(entry + layout.SECTION_OFFSET);
}

export function modelSectionLength(table: usize, kind: i32, model: i32): i32 {
  const entry = sectionEntry(table, kind, model, countModels(table));
  return load<i32>(entry + layout.SECTION_LENGTH);
}

export function flagsOf(table: usize): i32 {
  return load<i32>(settingsOf(table) + layout.SETTINGS_FLAGS);
}

export function countFeatures(table: usize): i32 {
  return sectionLength(table, layout.KIND_FEATURES) / layout.FEATURE_SIZE;
}

export function countSources(table: usize): i32 {
  return sectionLength(table, layout.KIND_SOURCES) / layout.SOURCE_SIZE;
}

export function countTags(table: usize, model: i32): i32 {
  return modelSectionLength(table, layout.KIND_TAGS, model) / layout.TAG_SIZE;
}

/** First byte of the text a span names. */
export function spanStart(table: usize, span: usize): usize {
  return sectionOf(table, layout.KIND_BYTES) + load<u32>(span + layout.SPAN_OFFSET);
}

export function spanLength(span: usize): i32 {
  return load<i32>(span + layout.SPAN_LENGTH);
}
