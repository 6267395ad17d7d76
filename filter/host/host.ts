// Host functions as the filter calls them: status out, results in globals. Nothing here traps.

import {
  proxy_get_buffer_bytes,
  proxy_get_current_time_nanoseconds,
  proxy_get_header_map_pairs,
  proxy_get_property,
  proxy_log,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
  proxy_set_header_map_pairs,
  proxy_set_property,
} from "./env";

export const STATUS_OK: i32 = 0;
export const STATUS_BAD_MEMORY: i32 = 6;
const MAP_REQUEST_HEADERS: i32 = 0;
const BUFFER_PLUGIN_CONFIGURATION: i32 = 7;
const LOG_WARN: i32 = 3;

/** Address and size the host answers with, or a time. */
const RESULT: usize = memory.data(8, 8);

export let resultAt: usize = 0;
export let resultLength: i32 = 0;

function clearResult(): void {
  store<u64>(RESULT, 0);
}

/** An empty value comes as address 0 and length 0. */
function takeResult(status: i32): i32 {
  resultAt = load<u32>(RESULT);
  resultLength = status === STATUS_OK ? load<i32>(RESULT, 4) : 0;
  return status;
}

export function getHeaderPairs(): i32 {
  clearResult();
  return takeResult(proxy_get_header_map_pairs(MAP_REQUEST_HEADERS, RESULT, RESULT + 4));
}

export function setHeaderPairs(pairs: usize, size: i32): i32 {
  return proxy_set_header_map_pairs(MAP_REQUEST_HEADERS, pairs, size);
}

export function replaceHeader(name: usize, length: i32, value: usize, valueLength: i32): i32 {
  return proxy_replace_header_map_value(MAP_REQUEST_HEADERS, name, length, value, valueLength);
}

export function removeHeader(name: usize, length: i32): i32 {
  return proxy_remove_header_map_value(MAP_REQUEST_HEADERS, name, length);
}

export function getConfiguration(size: i32): i32 {
  clearResult();
  return takeResult(
    proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, RESULT, RESULT + 4),
  );
}

/** Path parts are separated by NUL. */
export function getProperty(path: usize, length: i32): i32 {
  clearResult();
  return takeResult(proxy_get_property(path, length, RESULT, RESULT + 4));
}

export function setProperty(path: usize, length: i32, value: usize, valueLength: i32): i32 {
  return proxy_set_property(path, length, value, valueLength);
}

/** Nanoseconds since 1970; 0 when the host does not say. */
export function readClock(): u64 {
  clearResult();
  return proxy_get_current_time_nanoseconds(RESULT) === STATUS_OK ? load<u64>(RESULT) : 0;
}

export function logWarning(text: usize, length: i32): void {
  proxy_log(LOG_WARN, text, length);
}
