// KIND_SOURCES and KIND_FEATURES, with the gram weights that features point into.

import * as limit from "../../models/limits";
import * as measures from "../../models/measures";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import { equalBytes } from "../bytes";
import { countSources, sectionLength, sectionOf, spanLength, spanStart } from "../table";
import { areFiniteF32, isPowerOfTwo, isSpan, isWhole } from "./span";

/** Token characters of HTTP without upper case, and no pseudo header. */
export function isHeaderByte(byte: i32): bool {
  if ((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39)) return true;
  // ! # $ % & ' * + - .
  if (byte >= 0x21 && byte <= 0x2e) {
    return byte !== 0x22 && byte !== 0x28 && byte !== 0x29 && byte !== 0x2c;
  }
  // ^ _ ` | ~
  return byte === 0x5e || byte === 0x5f || byte === 0x60 || byte === 0x7c || byte === 0x7e;
}

function isNamed(kind: i32): bool {
  return (
    kind === measures.SOURCE_HEADER ||
    kind === measures.SOURCE_COOKIE ||
    kind === measures.SOURCE_PARAMETER
  );
}

function isHeaderName(at: usize, length: i32): bool {
  for (let index = 0; index < length; index++) {
    if (!isHeaderByte(load<u8>(at + index))) return false;
  }
  return true;
}

function checkSource(table: usize, source: usize): i32 {
  const kind: i32 = load<u16>(source + layout.SOURCE_KIND);
  const name = source + layout.SOURCE_NAME;
  if (
    load<u16>(source + layout.SOURCE_RESERVED) !== 0 ||
    load<u32>(source + layout.SOURCE_RESERVED2) !== 0
  ) {
    return refusal.REFUSE_RESERVED;
  }
  if (kind < 1 || kind > measures.SOURCE_LAST) return refusal.REFUSE_SOURCE;
  if (!isSpan(table, name, 0)) return refusal.REFUSE_SPAN;
  if (isNamed(kind) !== spanLength(name) > 0) return refusal.REFUSE_SOURCE;
  if (kind !== measures.SOURCE_HEADER) return 0;
  return isHeaderName(spanStart(table, name), spanLength(name)) ? 0 : refusal.REFUSE_SOURCE;
}

function isSameSource(table: usize, one: usize, other: usize): bool {
  if (load<u16>(one + layout.SOURCE_KIND) !== load<u16>(other + layout.SOURCE_KIND)) return false;
  const length = spanLength(one + layout.SOURCE_NAME);
  if (length !== spanLength(other + layout.SOURCE_NAME)) return false;
  return equalBytes(
    spanStart(table, one + layout.SOURCE_NAME),
    spanStart(table, other + layout.SOURCE_NAME),
    length,
  );
}

export function checkSources(table: usize): i32 {
  const length = sectionLength(table, layout.KIND_SOURCES);
  if (!isWhole(length, layout.SOURCE_SIZE, limit.SOURCES_MAX)) return refusal.REFUSE_SECTION_LENGTH;
  const sources = sectionOf(table, layout.KIND_SOURCES);
  for (let source = sources; source < sources + length; source += layout.SOURCE_SIZE) {
    const code = checkSource(table, source);
    if (code !== 0) return code;
    for (let earlier = sources; earlier < source; earlier += layout.SOURCE_SIZE) {
      if (isSameSource(table, earlier, source)) return refusal.REFUSE_SOURCE_TWICE;
    }
  }
  return 0;
}

export function kindOfSource(table: usize, source: i32): i32 {
  return load<u16>(sectionOf(table, layout.KIND_SOURCES) + source * layout.SOURCE_SIZE);
}

/** A source whose value is one byte string: all but the clock and the header block. */
export function hasOneValue(table: usize, source: i32): bool {
  if (source >= countSources(table)) return false;
  const kind = kindOfSource(table, source);
  return kind !== measures.SOURCE_CLOCK && kind !== measures.SOURCE_HEADERS;
}

function fitsSource(kind: i32, measure: i32): bool {
  const onClock = measure === measures.MEASURE_HOUR || measure === measures.MEASURE_WEEKDAY;
  if ((kind === measures.SOURCE_CLOCK) !== onClock) return false;
  if (kind !== measures.SOURCE_HEADERS) return true;
  return (
    measure === measures.MEASURE_PRESENT ||
    measure === measures.MEASURE_COUNT ||
    measure === measures.MEASURE_LENGTH
  );
}

function isClass(table: usize, index: u32): bool {
  return index < ((sectionLength(table, layout.KIND_CLASSES) / layout.CLASS_SIZE) as u32);
}

function isPatternSet(table: usize, index: u32): bool {
  const length = sectionLength(table, layout.KIND_PATTERN_SETS);
  return index < ((length / layout.PATTERN_SET_SIZE) as u32);
}

function areGrams(table: usize, gram: u32, count: u32, start: u32): bool {
  const weights = (sectionLength(table, layout.KIND_GRAM_WEIGHTS) as u32) >> 2;
  if (gram < 1 || gram > (limit.GRAM_MAX as u32)) return false;
  if (!isPowerOfTwo(count, limit.BUCKETS_MAX)) return false;
  return start <= weights && count <= weights - start;
}

/** Arguments a measure does not take are 0. */
function areArguments(table: usize, feature: usize, measure: i32): bool {
  const first = load<u32>(feature + layout.FEATURE_ARGUMENT0);
  const second = load<u32>(feature + layout.FEATURE_ARGUMENT1);
  const third = load<u32>(feature + layout.FEATURE_ARGUMENT2);
  if (measure === measures.MEASURE_GRAMS) return areGrams(table, first, second, third);
  if (second !== 0 || third !== 0) return false;
  switch (measure) {
    case measures.MEASURE_CLASS_COUNT:
    case measures.MEASURE_CLASS_RATIO:
    case measures.MEASURE_LONGEST_TOKEN:
      return isClass(table, first);
    case measures.MEASURE_MATCHES:
    case measures.MEASURE_CONTAINS:
    case measures.MEASURE_EQUALS:
      return isPatternSet(table, first);
    case measures.MEASURE_HASH:
      return isPowerOfTwo(first, limit.BUCKETS_MAX);
    default:
      return first === 0;
  }
}

function checkFeature(table: usize, feature: usize): i32 {
  const source: i32 = load<u16>(feature + layout.FEATURE_SOURCE);
  const measure: i32 = load<u16>(feature + layout.FEATURE_MEASURE);
  if (load<u32>(feature + layout.FEATURE_RESERVED) !== 0) return refusal.REFUSE_RESERVED;
  if (source >= countSources(table)) return refusal.REFUSE_FEATURE;
  if (measure < 1 || measure > measures.MEASURE_LAST) return refusal.REFUSE_FEATURE;
  if (!fitsSource(kindOfSource(table, source), measure)) return refusal.REFUSE_FEATURE;
  if (!areArguments(table, feature, measure)) return refusal.REFUSE_ARGUMENT;
  const scan = load<u32>(feature + layout.FEATURE_SCAN);
  if (scan < 1 || scan > (limit.SCAN_BYTES_MAX as u32)) return refusal.REFUSE_SCAN;
  return isSpan(table, feature + layout.FEATURE_NAME, 1) ? 0 : refusal.REFUSE_SPAN;
}

/** After checkSources and checkPatterns. */
export function checkFeatures(table: usize): i32 {
  const length = sectionLength(table, layout.KIND_FEATURES);
  if (!isWhole(length, layout.FEATURE_SIZE, limit.FEATURES_MAX)) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  const weights = sectionLength(table, layout.KIND_GRAM_WEIGHTS);
  if ((weights & 3) !== 0) return refusal.REFUSE_SECTION_LENGTH;
  if (!areFiniteF32(sectionOf(table, layout.KIND_GRAM_WEIGHTS), weights)) {
    return refusal.REFUSE_NUMBER;
  }
  const features = sectionOf(table, layout.KIND_FEATURES);
  for (let at = features; at < features + length; at += layout.FEATURE_SIZE) {
    const code = checkFeature(table, at);
    if (code !== 0) return code;
  }
  return 0;
}
