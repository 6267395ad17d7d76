// Checks shared by all sections: lengths, spans and numbers.

import { NAME_BYTES_MAX } from "../../models/limits";
import { KIND_BYTES, SPAN_LENGTH, SPAN_OFFSET } from "../../models/table-layout";
import { sectionLength } from "../table";

/** A span lies in the byte pool and is `least` to NAME_BYTES_MAX long. */
export function isSpan(table: usize, span: usize, least: u32): bool {
  const pool = sectionLength(table, KIND_BYTES) as u32;
  const offset = load<u32>(span + SPAN_OFFSET);
  const length = load<u32>(span + SPAN_LENGTH);
  if (length < least || length > (NAME_BYTES_MAX as u32)) return false;
  return offset <= pool && length <= pool - offset;
}

/** Entries of one size, no more than the cap. */
export function isWhole(length: i32, size: i32, most: i32): bool {
  return length % size === 0 && length / size <= most;
}

export function isFiniteF32(at: usize): bool {
  // All ones in the exponent: infinite or not a number.
  return (load<u32>(at) & 0x7f800000) !== 0x7f800000;
}

export function isFiniteF64(at: usize): bool {
  return F64.isFinite(load<f64>(at));
}

export function areFiniteF32(at: usize, length: i32): bool {
  const end = at + length;
  for (; at < end; at += 4) {
    if (!isFiniteF32(at)) return false;
  }
  return true;
}

/** A power of two from 2 to the cap. */
export function isPowerOfTwo(value: u32, most: u32): bool {
  return value >= 2 && value <= most && (value & (value - 1)) === 0;
}
