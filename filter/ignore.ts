// A test build: the filter, but it takes any configuration without reading it. Its memory over many
// pushes is that of the host alone.

import { allocate } from "./host/arena";
import { configure } from "./host/configure";
import { respond } from "./host/respond";
import { noteStream } from "./host/roots";

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: u32): usize {
  return allocate(size);
}

export function proxy_on_configure(root: u32, size: u32): i32 {
  // Never true: it keeps the code of the filter in this build.
  if (root === 0) return configure(root, size) ? 1 : 0;
  return 1;
}

export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent !== 0) noteStream(context, parent);
}

export function proxy_on_request_headers(context: u32, _count: i32, _end: i32): i32 {
  respond(context);
  return 0;
}
