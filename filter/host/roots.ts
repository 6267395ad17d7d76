// Which configuration a stream runs under. A root context that streams still keep alive is used
// again, without a call to configure it, when its very bytes come back: an empty default after a
// TTL, or the last table after an outage. So the table of a stream is found by its root context.
// What is kept: the root of each slot, and the latest roots of empty configurations.

import { PLUGINS_MAX } from "../../models/limits";
import { slotTable } from "../table";

/** Roots of empty configurations a plugin remembers; a root lives on only under old streams. */
const EMPTY_ROOTS: i32 = 8;
// A plugin: u32 root of each of the two slots, u32 roots of empty configurations, u32 next of them
const PLUGIN_BYTES: i32 = 4 * (2 + 8 + 1);
const ROOTS: usize = memory.data(4 * (2 + 8 + 1) * PLUGINS_MAX, 4);
const EMPTY: i32 = 8;
const NEXT: i32 = 40;
// Latest streams by context id: u32 context, u32 root. One that was overwritten is only not known.
const STREAMS: usize = memory.data(8 * 256, 4);

export let rootPlugin: i32 = 0;
/** The table of the root found last; 0 for an empty configuration. */
export let rootTable: usize = 0;

export function noteStream(context: u32, root: u32): void {
  const at = STREAMS + ((context & 255) << 3);
  store<u32>(at, context);
  store<u32>(at, root, 4);
}

/** Root of a stream, 0 when not known. */
function rootOf(context: u32): u32 {
  const at = STREAMS + ((context & 255) << 3);
  return load<u32>(at) === context ? load<u32>(at, 4) : 0;
}

/** The slot is about to be overwritten: its root has no table any more. */
export function forgetSlot(plugin: i32, slot: i32): void {
  store<u32>(ROOTS + plugin * PLUGIN_BYTES + (slot << 2), 0);
}

function forgetRoot(plugin: i32, root: u32): void {
  const at = ROOTS + plugin * PLUGIN_BYTES;
  for (let index = 0; index < 2 + EMPTY_ROOTS; index++) {
    if (load<u32>(at + (index << 2)) === root) store<u32>(at + (index << 2), 0);
  }
}

/** A root context was given the table in a slot. */
export function noteTable(plugin: i32, slot: i32, root: u32): void {
  forgetRoot(plugin, root);
  store<u32>(ROOTS + plugin * PLUGIN_BYTES + (slot << 2), root);
}

/** A root context was given an empty configuration. */
export function noteEmpty(plugin: i32, root: u32): void {
  forgetRoot(plugin, root);
  const at = ROOTS + plugin * PLUGIN_BYTES;
  const next = load<u32>(at + NEXT);
  store<u32>(at + EMPTY + (next << 2), root);
  store<u32>(at + NEXT, (next + 1) & (EMPTY_ROOTS - 1));
}

function findIn(plugin: i32, root: u32): bool {
  const at = ROOTS + plugin * PLUGIN_BYTES;
  for (let index = 0; index < 2 + EMPTY_ROOTS; index++) {
    if (load<u32>(at + (index << 2)) !== root) continue;
    rootPlugin = plugin;
    rootTable = index < 2 ? slotTable(plugin, index) : (0 as usize);
    return true;
  }
  return false;
}

/** Finds plugin and table of a stream's root; false for a root that is not known. */
export function findRoot(context: u32, plugins: i32): bool {
  const root = rootOf(context);
  if (root === 0) return false;
  for (let plugin = 0; plugin < plugins; plugin++) {
    if (findIn(plugin, root)) return true;
  }
  return false;
}
