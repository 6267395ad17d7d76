// KIND_CLASSES, KIND_PATTERN_SETS, KIND_PATTERNS and KIND_ELEMENTS.

import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import { sectionLength, sectionOf } from "../table";
import { isWhole } from "./span";

function checkSets(table: usize, classes: i32, patterns: i32): i32 {
  const sets = sectionOf(table, layout.KIND_PATTERN_SETS);
  const end = sets + sectionLength(table, layout.KIND_PATTERN_SETS);
  for (let set = sets; set < end; set += layout.PATTERN_SET_SIZE) {
    const start: i32 = load<u16>(set + layout.PATTERN_SET_START);
    const count: i32 = load<u16>(set + layout.PATTERN_SET_COUNT);
    if (load<u16>(set + layout.PATTERN_SET_RESERVED) !== 0) return refusal.REFUSE_RESERVED;
    if ((load<u16>(set + layout.PATTERN_SET_FIRST) as i32) >= classes) {
      return refusal.REFUSE_PATTERN_SET;
    }
    if (count < 1 || start + count > patterns) return refusal.REFUSE_PATTERN_SET;
  }
  return 0;
}

function checkEach(table: usize, classes: i32, elements: u32): i32 {
  const patterns = sectionOf(table, layout.KIND_PATTERNS);
  const end = patterns + sectionLength(table, layout.KIND_PATTERNS);
  for (let pattern = patterns; pattern < end; pattern += layout.PATTERN_SIZE) {
    const start = load<u32>(pattern + layout.PATTERN_START);
    const length = load<u32>(pattern + layout.PATTERN_LENGTH);
    if (length < 1 || length > elements || start > elements - length) {
      return refusal.REFUSE_PATTERN;
    }
  }
  const first = sectionOf(table, layout.KIND_ELEMENTS);
  for (let element: u32 = 0; element < elements; element++) {
    if ((load<u16>(first + (element << 1)) as i32) >= classes) return refusal.REFUSE_ELEMENT;
  }
  return 0;
}

export function checkPatterns(table: usize): i32 {
  const classes = sectionLength(table, layout.KIND_CLASSES);
  const sets = sectionLength(table, layout.KIND_PATTERN_SETS);
  const patterns = sectionLength(table, layout.KIND_PATTERNS);
  const elements = sectionLength(table, layout.KIND_ELEMENTS);
  if (
    !isWhole(classes, layout.CLASS_SIZE, limit.BYTE_CLASSES_MAX) ||
    !isWhole(sets, layout.PATTERN_SET_SIZE, limit.PATTERN_SETS_MAX) ||
    !isWhole(patterns, layout.PATTERN_SIZE, limit.PATTERNS_MAX) ||
    !isWhole(elements, layout.ELEMENT_SIZE, limit.PATTERN_ELEMENTS_MAX)
  ) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  const classCount = classes / layout.CLASS_SIZE;
  const code = checkSets(table, classCount, patterns / layout.PATTERN_SIZE);
  if (code !== 0) return code;
  return checkEach(table, classCount, (elements / layout.ELEMENT_SIZE) as u32);
}
