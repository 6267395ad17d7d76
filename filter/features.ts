// Runs the feature program of a table over the request that request.ts has read.

import { REASON_NONE, REASON_WORK } from "../models/decision";
import { FEATURES_MAX } from "../models/limits";
import * as measures from "../models/measures";
import * as layout from "../models/table-layout";
import * as measure from "./measure";
import { countMatches, matchesWhole } from "./pattern";
import { blockCount } from "./request";
import { valueAt, valueCount, valueLength } from "./spans";
import { countFeatures, sectionOf } from "./table";
import { isOverworked } from "./work";

/** f32 a feature; what is scored and what a record may carry. */
const VECTOR: usize = memory.data(4 * FEATURES_MAX);

export function vectorStart(): usize {
  return VECTOR;
}

function classOf(table: usize, feature: usize): usize {
  const index = load<u32>(feature + layout.FEATURE_ARGUMENT0);
  return sectionOf(table, layout.KIND_CLASSES) + index * layout.CLASS_SIZE;
}

function measureGrams(table: usize, feature: usize, at: usize, length: i32): f32 {
  const start = load<u32>(feature + layout.FEATURE_ARGUMENT2);
  return measure.measureGrams(
    sectionOf(table, layout.KIND_GRAM_WEIGHTS) + (start << 2),
    load<u32>(feature + layout.FEATURE_ARGUMENT1),
    load<i32>(feature + layout.FEATURE_ARGUMENT0),
    at,
    length,
  );
}

function measureRatio(table: usize, feature: usize, at: usize, length: i32): f32 {
  if (length === 0) return 0;
  const count = measure.countClass(classOf(table, feature), at, length);
  return ((count as f64) / (length as f64)) as f32;
}

/** A measure of the bytes of a value that is there. */
function measureBytes(table: usize, feature: usize, at: usize, whole: i32): f32 {
  const argument = load<i32>(feature + layout.FEATURE_ARGUMENT0);
  const scan = load<i32>(feature + layout.FEATURE_SCAN);
  const length = measure.limitScan(whole, scan);
  switch (load<u16>(feature + layout.FEATURE_MEASURE) as i32) {
    case measures.MEASURE_NUMBER:
      return measure.measureNumber(at, length);
    case measures.MEASURE_CLASS_COUNT:
      return measure.countClass(classOf(table, feature), at, length) as f32;
    case measures.MEASURE_CLASS_RATIO:
      return measureRatio(table, feature, at, length);
    case measures.MEASURE_MATCHES:
      return countMatches(table, argument, at, length, i32.MAX_VALUE) as f32;
    case measures.MEASURE_ENTROPY:
      return measure.measureEntropy(at, length);
    case measures.MEASURE_LONGEST_RUN:
      return measure.measureLongestRun(at, length) as f32;
    case measures.MEASURE_LONGEST_TOKEN:
      return measure.measureLongestToken(classOf(table, feature), at, length) as f32;
    case measures.MEASURE_LONGEST_NAME:
      return measure.measureLongestName(at, length) as f32;
    case measures.MEASURE_EXTENSION_LENGTH:
      return measure.measureExtension(at, length) as f32;
    case measures.MEASURE_DEPTH:
      return measure.countByte(0x2f, at, length) as f32;
    case measures.MEASURE_PARAMETER_COUNT:
      return measure.countParameters(at, length) as f32;
    case measures.MEASURE_CONTAINS:
      return countMatches(table, argument, at, length, 1) as f32;
    case measures.MEASURE_EQUALS:
      // A value longer than what is looked at equals none.
      return whole === length && matchesWhole(table, argument, at, length) ? 1 : 0;
    case measures.MEASURE_HASH:
      return measure.measureHash(argument as u32, at, length);
    case measures.MEASURE_GRAMS:
      return measureGrams(table, feature, at, length);
    default:
      return f32.NaN;
  }
}

/** The value of one feature; NaN when its source is missing. */
function measureFeature(table: usize, feature: usize, now: u64): f32 {
  const source: i32 = load<u16>(feature + layout.FEATURE_SOURCE);
  const record = sectionOf(table, layout.KIND_SOURCES) + source * layout.SOURCE_SIZE;
  const kind: i32 = load<u16>(record + layout.SOURCE_KIND);
  const asked: i32 = load<u16>(feature + layout.FEATURE_MEASURE);
  if (kind === measures.SOURCE_CLOCK) {
    // A clock the host did not give is missing.
    if (now === 0) return f32.NaN;
    return asked === measures.MEASURE_HOUR ? measure.measureHour(now) : measure.measureWeekday(now);
  }
  const count = kind === measures.SOURCE_HEADERS ? blockCount : valueCount(source);
  if (asked === measures.MEASURE_COUNT) return count as f32;
  const present = valueCount(source) > 0;
  if (asked === measures.MEASURE_PRESENT) return present ? 1 : 0;
  if (!present) return f32.NaN;
  const length = valueLength(source);
  if (asked === measures.MEASURE_LENGTH) return length as f32;
  return measureBytes(table, feature, valueAt(source), length);
}

/** Fills the vector. REASON_WORK when the measures took more steps than one request may. */
export function computeFeatures(table: usize, now: u64): i32 {
  const count = countFeatures(table);
  let feature = sectionOf(table, layout.KIND_FEATURES);
  for (let index = 0; index < count; index++) {
    store<f32>(VECTOR + (index << 2), measureFeature(table, feature, now));
    if (isOverworked()) return REASON_WORK;
    feature += layout.FEATURE_SIZE;
  }
  return REASON_NONE;
}
