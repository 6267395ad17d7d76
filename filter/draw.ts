// Draws: SipHash-2-4 over (vm, seq, domain, clock) under the key (salt, hour of the clock). Nothing
// in it is chosen by a client, and the hour keeps a draw from repeating for ever without a push.

import { SHARE_ALL } from "../models/limits";
import { sipHash } from "./token/siphash";

export const DRAW_AUDIT: i32 = 1;
export const DRAW_EXTRA: i32 = 2;
export const DRAW_CANDIDATE: i32 = 3;
export const DRAW_VECTOR: i32 = 4;

const HOUR_NS: u64 = 3600000000000;
// u64 vm, u32 seq, u32 domain, u64 clock
const MESSAGE: usize = memory.data(24, 8);

let salt: u64 = 0;
let hour: u64 = 0;

export function startDraws(drawSalt: u64, vm: u64, seq: u32, clock: u64): void {
  salt = drawSalt;
  hour = clock / HOUR_NS;
  store<u64>(MESSAGE, vm);
  store<u32>(MESSAGE, seq, 8);
  store<u64>(MESSAGE, clock, 16);
}

/** True for a share of the requests, in parts per million; each domain is drawn by itself. */
export function drawShare(domain: i32, share: u32): bool {
  if (share === 0) return false;
  if (share >= (SHARE_ALL as u32)) return true;
  store<u32>(MESSAGE, domain as u32, 12);
  const hash = sipHash(salt, hour, MESSAGE, 24) as u32;
  return ((hash as u64) * SHARE_ALL) >> 32 < (share as u64);
}
