// The byte measures of models/measures.ts over one value. Each reads `length` bytes at `at`.

import * as limit from "../models/limits";
import { murmur3 } from "./murmur3";
import { spendSteps } from "./work";

/** Largest finite f32: values saturate there. */
const F32_MAX: f64 = 3.4028234663852886e38;

// Entropy: how often each byte occurs, and the bytes in order of their first occurrence.
const HISTOGRAM: usize = memory.data(256 * 4);
const ORDER: usize = memory.data(256);

export function toFinite(value: f64): f32 {
  return max(min(value, F32_MAX), -F32_MAX) as f32;
}

export function hasByte(set: usize, byte: i32): bool {
  return ((load<u8>(set + (byte >> 3)) >> (byte & 7)) & 1) !== 0;
}

/** ASCII digits only, else NaN. */
export function measureNumber(at: usize, length: i32): f32 {
  if (length === 0) return f32.NaN;
  let value: f64 = 0;
  for (let index = 0; index < length; index++) {
    const digit = (load<u8>(at + index) as i32) - 0x30;
    if ((digit as u32) > 9) return f32.NaN;
    // Saturates, so that thousands of digits do not run into infinity.
    value = min(value * 10 + (digit as f64), F32_MAX);
  }
  return toFinite(value);
}

export function countClass(set: usize, at: usize, length: i32): i32 {
  let count = 0;
  for (let index = 0; index < length; index++) {
    count += hasByte(set, load<u8>(at + index)) ? 1 : 0;
  }
  return count;
}

/** Bits per byte: -sum(p * log2(p)) in order of first occurrence, so the sum rounds one way. */
export function measureEntropy(at: usize, length: i32): f32 {
  if (length === 0) return 0;
  memory.fill(HISTOGRAM, 0, 1024);
  let distinct = 0;
  for (let index = 0; index < length; index++) {
    const byte: i32 = load<u8>(at + index);
    const count = load<u32>(HISTOGRAM + (byte << 2));
    if (count === 0) {
      store<u8>(ORDER + distinct, byte as u8);
      distinct += 1;
    }
    store<u32>(HISTOGRAM + (byte << 2), count + 1);
  }
  let sum: f64 = 0;
  for (let index = 0; index < distinct; index++) {
    const count = load<u32>(HISTOGRAM + ((load<u8>(ORDER + index) as i32) << 2));
    const share = (count as f64) / (length as f64);
    sum += share * Math.log2(share);
  }
  return max<f64>(0, -sum) as f32;
}

export function measureLongestRun(at: usize, length: i32): i32 {
  let longest = 0;
  let run = 0;
  let last = -1;
  for (let index = 0; index < length; index++) {
    const byte: i32 = load<u8>(at + index);
    run = byte === last ? run + 1 : 1;
    last = byte;
    longest = max(longest, run);
  }
  return longest;
}

/** Longest stretch without a byte of the class. */
export function measureLongestToken(set: usize, at: usize, length: i32): i32 {
  let longest = 0;
  let run = 0;
  for (let index = 0; index < length; index++) {
    run = hasByte(set, load<u8>(at + index)) ? 0 : run + 1;
    longest = max(longest, run);
  }
  return longest;
}

/** Longest run of bytes before the first '=' of a '&'-separated parameter. */
export function measureLongestName(at: usize, length: i32): i32 {
  let longest = 0;
  let run = 0;
  let inName = true;
  for (let index = 0; index < length; index++) {
    const byte = load<u8>(at + index);
    if (byte === 0x26) {
      run = 0;
      inName = true;
    } else if (byte === 0x3d) {
      inName = false;
    } else if (inName) {
      run += 1;
      longest = max(longest, run);
    }
  }
  return longest;
}

export function measureExtension(at: usize, length: i32): i32 {
  for (let index = length - 1; index >= 0; index--) {
    const byte = load<u8>(at + index);
    if (byte === 0x2e) return length - 1 - index;
    if (byte === 0x2f) return 0;
  }
  return 0;
}

export function countByte(byte: i32, at: usize, length: i32): i32 {
  let count = 0;
  for (let index = 0; index < length; index++) {
    count += (load<u8>(at + index) as i32) === byte ? 1 : 0;
  }
  return count;
}

/** Non-empty '&'-separated stretches. */
export function countParameters(at: usize, length: i32): i32 {
  let count = 0;
  let last = 0x26;
  for (let index = 0; index < length; index++) {
    const byte: i32 = load<u8>(at + index);
    if (byte !== 0x26 && last === 0x26) count += 1;
    last = byte;
  }
  return count;
}

/** `buckets` is a power of two. */
export function measureHash(buckets: u32, at: usize, length: i32): f32 {
  return (murmur3(at, length) & (buckets - 1)) as f32;
}

/** Sum of one weight a gram; f64, so that the order of magnitude of the weights does not matter. */
export function measureGrams(weights: usize, count: u32, gram: i32, at: usize, length: i32): f32 {
  spendSteps(length * gram);
  let sum: f64 = 0;
  for (let index = 0; index + gram <= length; index++) {
    const bucket = murmur3(at + index, gram) & (count - 1);
    sum += load<f32>(weights + (bucket << 2)) as f64;
  }
  return toFinite(sum);
}

const HOUR_NS: u64 = 3600000000000;
const DAY_NS: u64 = 86400000000000;
/** The largest f32 below 24: rounding must not reach the next day. */
const HOUR_LAST: f32 = 23.999998092651367;

export function measureHour(now: u64): f32 {
  const hour = (((now % DAY_NS) as f64) / (HOUR_NS as f64)) as f32;
  return min(hour, HOUR_LAST);
}

/** 1970-01-01 was a Thursday, 3 counted from Monday. */
export function measureWeekday(now: u64): f32 {
  return ((now / DAY_NS + 3) % 7) as f32;
}

/** The bytes of a value a feature looks at. */
export function limitScan(length: i32, scan: i32): i32 {
  const looked = min(length, min(scan, limit.SCAN_BYTES_MAX));
  spendSteps(looked);
  return looked;
}
