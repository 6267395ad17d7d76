// Memory the host writes its answers to: a bump arena, reset at the entry of each callback. While a
// configuration is read, the staging slot is handed out instead, so a table is never copied.

import { HEADER_BYTES_MAX, TABLE_BYTES_MAX } from "../../models/limits";

/** Room for the largest header map, and for the values of a few properties. */
const ARENA_BYTES: u32 = HEADER_BYTES_MAX + 16384;
const ARENA: usize = memory.data(HEADER_BYTES_MAX + 16384, 8);

let used: u32 = 0;
let staging: usize = 0;

export function resetArena(): void {
  used = 0;
  staging = 0;
}

/** The next allocation of up to TABLE_BYTES_MAX bytes is this slot. */
export function handOut(slot: usize): void {
  staging = slot;
}

/** 0 when there is no room: the host call then fails with a status, and nothing traps. */
export function allocate(size: u32): usize {
  if (staging !== 0) {
    const slot = staging;
    staging = 0;
    return size <= (TABLE_BYTES_MAX as u32) ? slot : 0;
  }
  if (size > ARENA_BYTES - used) return 0;
  const at = ARENA + used;
  // The next one stays 8-byte aligned.
  used = min((used + size + 7) & ~7, ARENA_BYTES);
  return at;
}
