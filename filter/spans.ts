// The value of each source in the request at hand: where it is, how long, and how often it came.

import { SOURCES_MAX } from "../models/limits";

// A source: u32 address, u32 length, u32 occurrences (0 = missing), u32 unused.
const SPANS: usize = memory.data(16 * SOURCES_MAX);
const SPAN_BYTES: i32 = 16;

export function clearValues(sources: i32): void {
  memory.fill(SPANS, 0, sources * SPAN_BYTES);
}

export function valueAt(source: i32): usize {
  return load<u32>(SPANS + source * SPAN_BYTES);
}

export function valueLength(source: i32): i32 {
  return load<i32>(SPANS + source * SPAN_BYTES + 4);
}

/** Occurrences; 0 when the request does not have it. */
export function valueCount(source: i32): i32 {
  return load<i32>(SPANS + source * SPAN_BYTES + 8);
}

/** One more occurrence of a source (1 + its index); the first one gives the value. */
export function addValue(source: i32, at: usize, length: i32): void {
  const span = SPANS + (source - 1) * SPAN_BYTES;
  const count = load<i32>(span + 8);
  if (count === 0) {
    store<u32>(span, at as u32);
    store<i32>(span + 4, length);
  }
  store<i32>(span + 8, count + 1);
}
