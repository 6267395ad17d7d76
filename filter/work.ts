// The work bound of one request: byte steps of all measures (models/limits.ts SCAN_STEPS_MAX).

import { SCAN_STEPS_MAX } from "../models/limits";

let steps: u32 = 0;

export function startWork(): void {
  steps = 0;
}

export function spendSteps(count: i32): void {
  steps += count as u32;
}

/** More than the bound: what was measured is not used. */
export function isOverworked(): bool {
  return steps > (SCAN_STEPS_MAX as u32);
}
