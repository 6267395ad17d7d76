// Pattern sets: lists of byte strings whose every byte is a byte class, matched like the alternation
// of a regular expression, the first pattern of the list that fits wins.

import * as layout from "../models/table-layout";
import { hasByte } from "./measure";
import { sectionOf } from "./table";
import { isOverworked, spendSteps } from "./work";

/** Length of the first pattern of a set that matches at a position with `left` bytes; 0 for none. */
function matchAt(table: usize, set: usize, at: usize, left: i32): i32 {
  const classes = sectionOf(table, layout.KIND_CLASSES);
  const elements = sectionOf(table, layout.KIND_ELEMENTS);
  let pattern =
    sectionOf(table, layout.KIND_PATTERNS) +
    (load<u16>(set + layout.PATTERN_SET_START) as i32) * layout.PATTERN_SIZE;
  const end = pattern + (load<u16>(set + layout.PATTERN_SET_COUNT) as i32) * layout.PATTERN_SIZE;
  for (; pattern < end; pattern += layout.PATTERN_SIZE) {
    const length = load<i32>(pattern + layout.PATTERN_LENGTH);
    if (length > left) continue;
    const first = elements + load<u32>(pattern + layout.PATTERN_START) * layout.ELEMENT_SIZE;
    let index = 0;
    while (index < length) {
      const element: i32 = load<u16>(first + index * layout.ELEMENT_SIZE);
      if (!hasByte(classes + element * layout.CLASS_SIZE, load<u8>(at + index))) break;
      index += 1;
    }
    spendSteps(index + 1);
    if (index === length) return length;
    if (isOverworked()) return 0;
  }
  return 0;
}

function setOf(table: usize, index: i32): usize {
  return sectionOf(table, layout.KIND_PATTERN_SETS) + index * layout.PATTERN_SET_SIZE;
}

/** Matches from left to right, not overlapping; stops at `most`. */
export function countMatches(table: usize, index: i32, at: usize, length: i32, most: i32): i32 {
  const set = setOf(table, index);
  const first =
    sectionOf(table, layout.KIND_CLASSES) +
    (load<u16>(set + layout.PATTERN_SET_FIRST) as i32) * layout.CLASS_SIZE;
  let count = 0;
  let position = 0;
  while (position < length && count < most) {
    let matched = 0;
    if (hasByte(first, load<u8>(at + position))) {
      matched = matchAt(table, set, at + position, length - position);
      if (isOverworked()) return count;
    }
    if (matched > 0) count += 1;
    position += max(matched, 1);
  }
  return count;
}

/** Whether a pattern of the set matches the whole value. */
export function matchesWhole(table: usize, index: i32, at: usize, length: i32): bool {
  const set = setOf(table, index);
  const classes = sectionOf(table, layout.KIND_CLASSES);
  const elements = sectionOf(table, layout.KIND_ELEMENTS);
  let pattern =
    sectionOf(table, layout.KIND_PATTERNS) +
    (load<u16>(set + layout.PATTERN_SET_START) as i32) * layout.PATTERN_SIZE;
  const end = pattern + (load<u16>(set + layout.PATTERN_SET_COUNT) as i32) * layout.PATTERN_SIZE;
  for (; pattern < end && !isOverworked(); pattern += layout.PATTERN_SIZE) {
    spendSteps(1);
    if (load<i32>(pattern + layout.PATTERN_LENGTH) !== length) continue;
    const first = elements + load<u32>(pattern + layout.PATTERN_START) * layout.ELEMENT_SIZE;
    let position = 0;
    while (position < length) {
      const element: i32 = load<u16>(first + position * layout.ELEMENT_SIZE);
      if (!hasByte(classes + element * layout.CLASS_SIZE, load<u8>(at + position))) break;
      position += 1;
    }
    spendSteps(position);
    if (position === length) return true;
  }
  return false;
}
