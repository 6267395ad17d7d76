// The exports a proxy calls, ABI 0.2.1. Contexts and every other callback are left out on purpose:
// each export is one more entry into the VM a stream.

import { allocate } from "./host/arena";
import { configure } from "./host/configure";
import { respond } from "./host/respond";

const ACTION_CONTINUE: i32 = 0;

/** Never called; its name says the ABI. */
export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: u32): usize {
  return allocate(size);
}

export function proxy_on_configure(_root: i32, size: u32): i32 {
  return configure(size) ? 1 : 0;
}

export function proxy_on_request_headers(_context: i32, _count: i32, _end: i32): i32 {
  respond();
  return ACTION_CONTINUE;
}
