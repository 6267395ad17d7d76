// Which plugin of the VM a callback belongs to. Plugins that share a `vm_id` share the VM and its
// memory, so all state hangs off the plugin, known by the text of its root id.

import { PLUGINS_MAX, ROOT_ID_BYTES_MAX } from "../../models/limits";
import { equalBytes } from "../bytes";
import { murmur3 } from "../murmur3";
import { getProperty, resultAt, resultLength } from "./host";

/** Stands for all plugins that found no room: base state, with counters of their own. */
export const PLUGIN_OTHER: i32 = PLUGINS_MAX;

// u32 length, u32 murmur3 of all bytes, then the first bytes of the root id
const ROOT_BYTES: i32 = 8 + ROOT_ID_BYTES_MAX;
const ROOTS: usize = memory.data((8 + ROOT_ID_BYTES_MAX) * PLUGINS_MAX, 4);

// "plugin_root_id"
const ROOT_ID: usize = memory.data<u8>([
  0x70, 0x6c, 0x75, 0x67, 0x69, 0x6e, 0x5f, 0x72, 0x6f, 0x6f, 0x74, 0x5f, 0x69, 0x64,
]);
const ROOT_ID_LENGTH: i32 = 14;

let pluginCount: i32 = 0;
let hasOthers: bool = false;

/** The plugin of the root id the host names; PLUGIN_OTHER when it is not known. */
function askPlugin(): i32 {
  // A host that does not say leaves an empty name: a name like any other.
  getProperty(ROOT_ID, ROOT_ID_LENGTH);
  const hash = murmur3(resultAt, resultLength);
  for (let plugin = 0; plugin < pluginCount; plugin++) {
    const root = ROOTS + plugin * ROOT_BYTES;
    if (load<i32>(root) !== resultLength || load<u32>(root, 4) !== hash) continue;
    if (equalBytes(resultAt, root + 8, min(resultLength, ROOT_ID_BYTES_MAX))) return plugin;
  }
  return PLUGIN_OTHER;
}

/** The plugin that is being configured, added when new; PLUGIN_OTHER for a fifth. */
export function addPlugin(): i32 {
  const known = askPlugin();
  if (known !== PLUGIN_OTHER) return known;
  if (pluginCount >= PLUGINS_MAX) {
    hasOthers = true;
    return PLUGIN_OTHER;
  }
  const root = ROOTS + pluginCount * ROOT_BYTES;
  store<i32>(root, resultLength);
  store<u32>(root, murmur3(resultAt, resultLength), 4);
  memory.copy(root + 8, resultAt, min(resultLength, ROOT_ID_BYTES_MAX));
  pluginCount += 1;
  return pluginCount - 1;
}

/** The plugin a stream belongs to: a question to the host only when there are several. */
export function findPlugin(): i32 {
  return pluginCount === 1 && !hasOthers ? 0 : askPlugin();
}

export function countPlugins(): i32 {
  return pluginCount;
}

export function rootIdAt(plugin: i32): usize {
  return ROOTS + plugin * ROOT_BYTES + 8;
}

export function rootIdLength(plugin: i32): i32 {
  return min(load<i32>(ROOTS + plugin * ROOT_BYTES), ROOT_ID_BYTES_MAX);
}
