// The exports a proxy calls, ABI 0.2.1. Every other callback is left out on purpose: each export is
// one more entry into the VM a stream.

import { allocate } from "./host/arena";
import { configure } from "./host/configure";
import { respond } from "./host/respond";
import { noteStream } from "./host/roots";

const ACTION_CONTINUE: i32 = 0;

/** Never called; its name says the ABI. */
export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: u32): usize {
  return allocate(size);
}

export function proxy_on_configure(root: u32, size: u32): i32 {
  return configure(root, size) ? 1 : 0;
}

/** A root context has parent 0. */
export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent !== 0) noteStream(context, parent);
}

export function proxy_on_request_headers(context: u32, _count: i32, _end: i32): i32 {
  respond(context);
  return ACTION_CONTINUE;
}
