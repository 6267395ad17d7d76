// KIND_SEGMENTS, KIND_SEGMENT_ENTRIES, KIND_EXEMPT and KIND_IGNORED.

import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import { compareBytes, equalBytes, foldByte } from "../bytes";
import { sectionLength, sectionOf, settingsOf, spanLength, spanStart } from "../table";
import { hasOneValue } from "./program";
import { isSpan, isWhole } from "./span";

export function countSegments(table: usize): i32 {
  return sectionLength(table, layout.KIND_SEGMENTS) / layout.SPAN_SIZE;
}

function checkNames(table: usize): i32 {
  const length = sectionLength(table, layout.KIND_SEGMENTS);
  if (length === 0 || !isWhole(length, layout.SPAN_SIZE, limit.SEGMENTS_MAX)) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  const names = sectionOf(table, layout.KIND_SEGMENTS);
  for (let name = names; name < names + length; name += layout.SPAN_SIZE) {
    if (!isSpan(table, name, 1)) return refusal.REFUSE_SPAN;
  }
  return 0;
}

function isPrefixOf(table: usize, entry: usize, other: usize): bool {
  const length = spanLength(entry);
  if (length > spanLength(other)) return false;
  return equalBytes(spanStart(table, entry), spanStart(table, other), length);
}

/**
 * 1 + index of the longest earlier entry that is a prefix; 0 for none. It is the entry before or on
 * that one's chain of parents: what is left behind there is never visited again, so all entries
 * together cost one pass.
 */
function findParent(table: usize, entries: usize, index: i32): i32 {
  const entry = entries + index * layout.ENTRY_SIZE;
  let candidate = index;
  while (candidate > 0) {
    const at = entries + (candidate - 1) * layout.ENTRY_SIZE;
    if (isPrefixOf(table, at, entry)) return candidate;
    candidate = load<u16>(at + layout.ENTRY_PARENT);
  }
  return 0;
}

function checkEntry(table: usize, entries: usize, index: i32, isPrefix: bool): i32 {
  const entry = entries + index * layout.ENTRY_SIZE;
  if (!isSpan(table, entry + layout.ENTRY_TEXT, 1)) return refusal.REFUSE_SPAN;
  if ((load<u16>(entry + layout.ENTRY_SEGMENT) as i32) >= countSegments(table)) {
    return refusal.REFUSE_ENTRY_SEGMENT;
  }
  if (index > 0) {
    const before = entry - layout.ENTRY_SIZE;
    const order = compareBytes(
      spanStart(table, before),
      spanLength(before),
      spanStart(table, entry),
      spanLength(entry),
    );
    if (order >= 0) return refusal.REFUSE_ENTRY_ORDER;
  }
  const parent = isPrefix ? findParent(table, entries, index) : 0;
  const given: i32 = load<u16>(entry + layout.ENTRY_PARENT);
  return given === parent ? 0 : refusal.REFUSE_ENTRY_PARENT;
}

/** After checkSources. */
export function checkSegments(table: usize): i32 {
  const code = checkNames(table);
  if (code !== 0) return code;
  const length = sectionLength(table, layout.KIND_SEGMENT_ENTRIES);
  if (!isWhole(length, layout.ENTRY_SIZE, limit.SEGMENT_ENTRIES_MAX)) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  if (length === 0) return 0;
  const settings = settingsOf(table);
  if (!hasOneValue(table, load<u16>(settings + layout.SETTINGS_SEGMENT_SOURCE))) {
    return refusal.REFUSE_SEGMENT_SOURCE;
  }
  const isPrefix = load<u16>(settings + layout.SETTINGS_SEGMENT_MATCH) === layout.MATCH_PREFIX;
  const entries = sectionOf(table, layout.KIND_SEGMENT_ENTRIES);
  const count = length / layout.ENTRY_SIZE;
  for (let index = 0; index < count; index++) {
    const wrong = checkEntry(table, entries, index, isPrefix);
    if (wrong !== 0) return wrong;
  }
  return 0;
}

export function checkExempt(table: usize): i32 {
  const length = sectionLength(table, layout.KIND_EXEMPT);
  if (!isWhole(length, layout.EXEMPT_SIZE, limit.EXEMPT_MAX)) return refusal.REFUSE_SECTION_LENGTH;
  const rules = sectionOf(table, layout.KIND_EXEMPT);
  for (let rule = rules; rule < rules + length; rule += layout.EXEMPT_SIZE) {
    if (!isSpan(table, rule + layout.EXEMPT_TEXT, 1)) return refusal.REFUSE_SPAN;
    if (!hasOneValue(table, load<u16>(rule + layout.EXEMPT_SOURCE))) return refusal.REFUSE_EXEMPT;
    if ((load<u16>(rule + layout.EXEMPT_MATCH) as i32) > layout.MATCH_PREFIX)
      return refusal.REFUSE_EXEMPT;
  }
  return 0;
}

function isLower(at: usize, length: i32): bool {
  for (let index = 0; index < length; index++) {
    const byte: i32 = load<u8>(at + index);
    if (foldByte(byte) !== byte) return false;
  }
  return true;
}

export function checkIgnored(table: usize): i32 {
  const length = sectionLength(table, layout.KIND_IGNORED);
  if (!isWhole(length, layout.IGNORED_SIZE, limit.IGNORED_MAX)) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  const names = sectionOf(table, layout.KIND_IGNORED);
  for (let name = names; name < names + length; name += layout.IGNORED_SIZE) {
    if (!isSpan(table, name + layout.IGNORED_NAME, 1)) return refusal.REFUSE_SPAN;
    if (load<u32>(name + layout.IGNORED_MATCH) > (layout.MATCH_PREFIX as u32)) {
      return refusal.REFUSE_IGNORED;
    }
    if (!isLower(spanStart(table, name), spanLength(name))) return refusal.REFUSE_IGNORED;
  }
  return 0;
}
