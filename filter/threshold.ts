// Segment, cut, arm and tag: what a bin means for one model of one request.

import * as decision from "../models/decision";
import { CUT_NONE } from "../models/limits";
import * as layout from "../models/table-layout";
import { compareBytes, equalBytes } from "./bytes";
import { DRAW_AUDIT, DRAW_CANDIDATE, DRAW_EXTRA, drawShare } from "./draw";
import { valueAt, valueCount, valueLength } from "./spans";
import {
  countTags,
  modelSection,
  modelSectionLength,
  sectionLength,
  sectionOf,
  settingsOf,
  spanLength,
  spanStart,
} from "./table";

/** Arm of the model decided last. */
export let chosenArm: i32 = 0;
/** 0 none, else 1 + index of the tag. */
export let chosenTag: i32 = 0;

/** Index of the last entry at or below the value; -1 when all are above. */
function findPredecessor(table: usize, entries: usize, count: i32, at: usize, length: i32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries + middle * layout.ENTRY_SIZE;
    if (compareBytes(spanStart(table, entry), spanLength(entry), at, length) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The longest prefix of a value is its predecessor or on that entry's chain of parents. */
function matchEntry(table: usize, entries: usize, found: i32, at: usize, length: i32): i32 {
  const isPrefix =
    load<u16>(settingsOf(table) + layout.SETTINGS_SEGMENT_MATCH) === layout.MATCH_PREFIX;
  while (found >= 0) {
    const entry = entries + found * layout.ENTRY_SIZE;
    const text = spanLength(entry);
    const fits = isPrefix ? text <= length : text === length;
    if (fits && equalBytes(spanStart(table, entry), at, text)) {
      return load<u16>(entry + layout.ENTRY_SEGMENT);
    }
    if (!isPrefix) return 0;
    found = (load<u16>(entry + layout.ENTRY_PARENT) as i32) - 1;
  }
  return 0;
}

/** The segment of the request; 0 is the rest. */
export function findSegment(table: usize): i32 {
  const count = sectionLength(table, layout.KIND_SEGMENT_ENTRIES) / layout.ENTRY_SIZE;
  if (count === 0) return 0;
  const source: i32 = load<u16>(settingsOf(table) + layout.SETTINGS_SEGMENT_SOURCE);
  if (valueCount(source) === 0) return 0;
  const at = valueAt(source);
  const length = valueLength(source);
  const entries = sectionOf(table, layout.KIND_SEGMENT_ENTRIES);
  const found = findPredecessor(table, entries, count, at, length);
  return matchEntry(table, entries, found, at, length);
}

export function isExempt(table: usize): bool {
  const rules = sectionOf(table, layout.KIND_EXEMPT);
  const end = rules + sectionLength(table, layout.KIND_EXEMPT);
  for (let rule = rules; rule < end; rule += layout.EXEMPT_SIZE) {
    const source: i32 = load<u16>(rule + layout.EXEMPT_SOURCE);
    if (valueCount(source) === 0) continue;
    const text = spanLength(rule + layout.EXEMPT_TEXT);
    const isPrefix = load<u16>(rule + layout.EXEMPT_MATCH) === layout.MATCH_PREFIX;
    const fits = isPrefix ? text <= valueLength(source) : text === valueLength(source);
    if (!fits) continue;
    if (equalBytes(spanStart(table, rule + layout.EXEMPT_TEXT), valueAt(source), text)) return true;
  }
  return false;
}

export function modeOf(table: usize, model: i32, segment: i32): i32 {
  return load<u8>(modelSection(table, layout.KIND_MODES, model) + segment);
}

/** 1 + index of the highest tag whose cut the bin reaches; cuts ascend. */
function findTag(cuts: usize, tags: i32, bin: i32): i32 {
  let tag = 0;
  while (tag < tags && bin >= (load<u16>(cuts + (tag << 1)) as i32)) tag += 1;
  return tag;
}

/** Cuts of one segment of a section. */
function cutsOf(table: usize, kind: i32, model: i32, segment: i32, tags: i32): usize {
  return modelSection(table, kind, model) + ((segment * tags) << 1);
}

function settle(arm: i32, tag: i32, reason: i32): i32 {
  chosenArm = arm;
  chosenTag = tag;
  return reason;
}

/**
 * Arm and tag of a model that scored, in order: full audit while in shadow or without a cut; the
 * audit draw; the candidate draw; the extra draw near the cut; else the cut decides. A REASON_*.
 */
export function chooseTag(table: usize, model: i32, segment: i32, bin: i32): i32 {
  const settings = settingsOf(table);
  const tags = countTags(table, model);
  const cuts = cutsOf(table, layout.KIND_CUTS, model, segment, tags);
  const cut = tags > 0 ? (load<u16>(cuts) as i32) : CUT_NONE;
  if (modeOf(table, model, segment) === decision.MODE_SHADOW) {
    return settle(decision.ARM_AUDIT, 0, decision.REASON_SHADOW);
  }
  // Cuts ascend, so the first one is none only when all are.
  if (cut >= CUT_NONE) return settle(decision.ARM_AUDIT, 0, decision.REASON_BELOW_CUT);
  if (drawShare(DRAW_AUDIT, load<u32>(settings + layout.SETTINGS_AUDIT))) {
    return settle(decision.ARM_AUDIT, 0, decision.REASON_AUDIT);
  }
  if (modelSectionLength(table, layout.KIND_CANDIDATE_CUTS, model) > 0) {
    if (drawShare(DRAW_CANDIDATE, load<u32>(settings + layout.SETTINGS_CANDIDATE))) {
      const own = cutsOf(table, layout.KIND_CANDIDATE_CUTS, model, segment, tags);
      const tag = findTag(own, tags, bin);
      const reason = tag > 0 ? decision.REASON_NONE : decision.REASON_BELOW_CUT;
      return settle(decision.ARM_CANDIDATE, tag, reason);
    }
  }
  if (bin < cut) return settle(decision.ARM_FREE, 0, decision.REASON_BELOW_CUT);
  if (bin - cut < load<i32>(settings + layout.SETTINGS_EXTRA_WIDTH)) {
    if (drawShare(DRAW_EXTRA, load<u32>(settings + layout.SETTINGS_EXTRA))) {
      return settle(decision.ARM_EXTRA, 0, decision.REASON_AUDIT);
    }
  }
  return settle(decision.ARM_ACTED, findTag(cuts, tags, bin), decision.REASON_NONE);
}
