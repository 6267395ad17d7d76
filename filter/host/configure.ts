// proxy_on_configure: reads a table into the staging slot, checks it whole, publishes it by one
// store. It runs in a throw-away canary first, so it has no effect outside the VM but a log line.

import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import { indexNames } from "../names";
import { publishNone, publishSlot, slotTable, stagingSlot } from "../table";
import { validateTable } from "../validate";
import { handOut, resetArena } from "./arena";
import { getConfiguration, logWarning, readClock, resultAt, resultLength, STATUS_OK } from "./host";
import { addPlugin, PLUGIN_OTHER } from "./plugins";
import { forgetSlot, noteEmpty, noteTable } from "./roots";
import { putNumber, putText, startText, textLength, textStart } from "./text";

/** When this VM was configured first: its name in records. */
export let vmTime: u64 = 0;

function logRefusal(code: i32): void {
  startText();
  putText("limen: configuration refused, code ");
  putNumber(code as u32);
  logWarning(textStart(), textLength);
}

/** Reads the configuration into a slot and checks it; a REFUSE_*. */
function readTable(slot: usize, size: u32): i32 {
  if (size > (limit.TABLE_BYTES_MAX as u32)) return refusal.REFUSE_LENGTH;
  handOut(slot);
  const status = getConfiguration(size as i32);
  handOut(0);
  if (status !== STATUS_OK || (resultLength as u32) !== size) return refusal.REFUSE_UNREAD;
  if (resultAt !== slot) return refusal.REFUSE_UNREAD;
  return validateTable(slot, size);
}

/** False for bytes that are no table only; never for lack of room. */
export function configure(root: u32, size: u32): bool {
  resetArena();
  if (vmTime === 0) vmTime = readClock();
  const plugin = addPlugin();
  // Too many plugins share the VM: nothing to read into, and the base state is served.
  if (plugin === PLUGIN_OTHER) return true;
  if (size === 0) {
    publishNone(plugin);
    noteEmpty(plugin, root);
    return true;
  }
  const slot = stagingSlot(plugin);
  const table = slotTable(plugin, slot);
  forgetSlot(plugin, slot);
  const code = readTable(table, size);
  if (code !== 0) {
    logRefusal(code);
    return false;
  }
  indexNames(table);
  publishSlot(plugin, slot);
  noteTable(plugin, slot, root);
  return true;
}
