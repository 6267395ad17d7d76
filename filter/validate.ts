// Checks a whole table once, before it is published: whatever passes is safe to read and to score
// with unchecked loads. No allocation, linear in the size of the table. Layout:
// models/table-layout.ts; reasons: models/refusals.ts.

import * as limit from "../models/limits";
import * as refusal from "../models/refusals";
import * as layout from "../models/table-layout";
import { checkModels } from "./check/model";
import { checkPatterns } from "./check/patterns";
import { checkFeatures, checkSources } from "./check/program";
import { checkExempt, checkIgnored, checkSegments } from "./check/segments";
import { checkSettings } from "./check/settings";
import { crc32 } from "./crc32";

/** Sections of the table, kinds 1 to 13, and of each model, kinds 32 to 41. */
const TABLE_KINDS: i32 = layout.KIND_IGNORED;
const MODEL_KINDS: i32 = layout.KIND_CANDIDATE_CUTS - layout.KIND_MODEL + 1;

function checkHead(table: usize, length: u32): i32 {
  if (length < (layout.HEAD_SIZE as u32)) return refusal.REFUSE_LENGTH;
  if (length > (limit.TABLE_BYTES_MAX as u32)) return refusal.REFUSE_LENGTH;
  if (load<u32>(table + layout.HEAD_MAGIC) !== layout.MAGIC) return refusal.REFUSE_MAGIC;
  if (load<u16>(table + layout.HEAD_LAYOUT) !== layout.LAYOUT) return refusal.REFUSE_LAYOUT;
  if (load<u32>(table + layout.HEAD_LENGTH) !== length) return refusal.REFUSE_LENGTH;
  if (load<u16>(table + layout.HEAD_FLAGS) !== 0) return refusal.REFUSE_HEAD_FLAGS;
  const crc = crc32(table + layout.HEAD_DIGEST, length - layout.HEAD_DIGEST);
  return load<u32>(table + layout.HEAD_CRC) === crc ? 0 : refusal.REFUSE_CRC;
}

/** Kind in the upper, index in the lower half: what must stand at a place of the directory. */
function expectedSection(position: i32, models: i32): u64 {
  if (position < TABLE_KINDS) return ((position + 1) as u64) << 32;
  const rest = position - TABLE_KINDS;
  const kind = layout.KIND_MODEL + rest / models;
  return ((kind as u64) << 32) | ((rest % models) as u64);
}

function isZero(at: usize, end: usize): bool {
  for (; at < end; at++) {
    if (load<u8>(at) !== 0) return false;
  }
  return true;
}

/** Every section there, sorted, one behind the other with only zero bytes between. */
function checkDirectory(table: usize, length: u32): i32 {
  const sections = load<u32>(table + layout.HEAD_SECTIONS);
  if (sections > (limit.SECTIONS_MAX as u32) || sections < (TABLE_KINDS as u32)) {
    return refusal.REFUSE_DIRECTORY;
  }
  const models = ((sections as i32) - TABLE_KINDS) / MODEL_KINDS;
  if (models > limit.MODELS_MAX || TABLE_KINDS + models * MODEL_KINDS !== (sections as i32)) {
    return refusal.REFUSE_DIRECTORY;
  }
  let offset: u32 = layout.HEAD_SIZE + sections * layout.SECTION_SIZE;
  if (offset > length) return refusal.REFUSE_TILING;
  let entry = table + layout.HEAD_SIZE;
  for (let position = 0; position < (sections as i32); position++) {
    const kind = load<u32>(entry + layout.SECTION_KIND) as u64;
    const index = load<u32>(entry + layout.SECTION_INDEX) as u64;
    if (((kind << 32) | index) !== expectedSection(position, models)) {
      return refusal.REFUSE_DIRECTORY;
    }
    if (load<u32>(entry + layout.SECTION_OFFSET) !== offset) return refusal.REFUSE_TILING;
    const bytes = load<u32>(entry + layout.SECTION_LENGTH);
    if (bytes > length - offset) return refusal.REFUSE_TILING;
    const next = (offset + bytes + 7) & ~7;
    if (next > length) return refusal.REFUSE_TILING;
    if (!isZero(table + offset + bytes, table + next)) return refusal.REFUSE_TILING;
    offset = next;
    entry += layout.SECTION_SIZE;
  }
  return offset === length ? 0 : refusal.REFUSE_TILING;
}

/** 0 when the bytes are a table, else a REFUSE_*. */
export function validateTable(table: usize, length: u32): i32 {
  let code = checkHead(table, length);
  if (code === 0) code = checkDirectory(table, length);
  if (code === 0) code = checkSettings(table);
  if (code === 0) code = checkSources(table);
  if (code === 0) code = checkPatterns(table);
  if (code === 0) code = checkFeatures(table);
  if (code === 0) code = checkSegments(table);
  if (code === 0) code = checkExempt(table);
  if (code === 0) code = checkIgnored(table);
  if (code === 0) code = checkModels(table);
  return code;
}
