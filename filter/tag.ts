// Look-alikes of our headers in a request: which pairs to remove, or the pairs without them.

import { HEADER_BYTES_MAX, HEADER_PAIRS_MAX } from "../models/limits";
import { pairCount } from "./request";
import { isReserved, isTrusted } from "./reserved";

const REBUILT: usize = memory.data(HEADER_BYTES_MAX);

export let pairName: usize = 0;
export let pairNameLength: i32 = 0;
let pairs: usize = 0;
let pairIndex: i32 = 0;
let pairAt: usize = 0;

/** Starts a walk over pairs that request.ts has proved in bounds. */
function startPairs(at: usize): void {
  pairs = at;
  pairIndex = 0;
  pairAt = at + 4 + (load<u32>(at) << 3);
}

function nextPair(): bool {
  if (pairIndex >= pairCount) return false;
  const lengths = pairs + 4 + (pairIndex << 3);
  pairName = pairAt;
  pairNameLength = load<i32>(lengths);
  pairAt += load<u32>(lengths) + load<u32>(lengths + 4) + 2;
  pairIndex += 1;
  return true;
}

function isForged(table: usize): bool {
  if (!isReserved(pairName, pairNameLength)) return false;
  return table === 0 || !isTrusted(table, pairName, pairNameLength);
}

export function startForged(at: usize): void {
  startPairs(at);
}

/** Moves to the next forged header: `pairName` and `pairNameLength`; false at the end. */
export function nextForged(table: usize): bool {
  while (nextPair()) {
    if (isForged(table)) return true;
  }
  return false;
}

export function rebuiltPairs(): usize {
  return REBUILT;
}

function countKept(table: usize, at: usize): i32 {
  let forged = 0;
  startPairs(at);
  while (nextForged(table)) forged += 1;
  return pairCount - forged;
}

/** The pairs without forged headers, written to `rebuiltPairs`; their size, 0 above the caps. */
export function rebuildPairs(table: usize, at: usize, size: u32): u32 {
  const kept = countKept(table, at);
  if (size > (HEADER_BYTES_MAX as u32) || kept > HEADER_PAIRS_MAX) return 0;
  store<i32>(REBUILT, kept);
  let lengths = REBUILT + 4;
  let data = lengths + (kept << 3);
  startPairs(at);
  while (nextPair()) {
    if (isForged(table)) continue;
    store<u64>(lengths, load<u64>(pairs + 4 + ((pairIndex - 1) << 3)));
    const bytes = pairAt - pairName;
    memory.copy(data, pairName, bytes);
    lengths += 8;
    data += bytes;
  }
  return (data - REBUILT) as u32;
}
