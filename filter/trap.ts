// A test build: the filter, but a request with the header `x-trap: 1` traps.

import { allocate, resetArena } from "./host/arena";
import { configure } from "./host/configure";
import { proxy_get_header_map_value } from "./host/env";
import { respond } from "./host/respond";
import { noteStream } from "./host/roots";

const RESULT: usize = memory.data(8, 8);
// "x-trap"
const TRAP_NAME: usize = memory.data<u8>([0x78, 0x2d, 0x74, 0x72, 0x61, 0x70]);

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: u32): usize {
  return allocate(size);
}

export function proxy_on_configure(root: u32, size: u32): i32 {
  return configure(root, size) ? 1 : 0;
}

export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent !== 0) noteStream(context, parent);
}

export function proxy_on_request_headers(context: u32, _count: i32, _end: i32): i32 {
  resetArena();
  store<u64>(RESULT, 0);
  const status = proxy_get_header_map_value(0, TRAP_NAME, 6, RESULT, RESULT + 4);
  if (status === 0 && load<i32>(RESULT, 4) === 1 && load<u8>(load<u32>(RESULT)) === 0x31) {
    unreachable();
  }
  respond(context);
  return 0;
}
