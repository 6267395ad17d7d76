// A table as the service pushes it to proxies that have no file of ours: with the module in it.
import { readFileSync } from "node:fs";
import { FILTER_NAME } from "../../control/install/istio-options.ts";
import { buildResource, type Resource } from "../../control/xds/resource.ts";
import { MODULE } from "../support/stage.ts";

export function inlineResource(table: Uint8Array): Resource {
  const wasm = { bytes: readFileSync(MODULE) };
  return buildResource({ name: FILTER_NAME, table, wasm, vmId: FILTER_NAME });
}

/** A table whose last byte was changed after the CRC was taken. */
export function damaged(table: Uint8Array): Uint8Array {
  const bytes = table.slice();
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return bytes;
}
