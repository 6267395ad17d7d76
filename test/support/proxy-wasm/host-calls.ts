import {
  BUFFER_LAST,
  BUFFER_PLUGIN_CONFIGURATION,
  BUFFER_VM_CONFIGURATION,
  LOG_LEVEL_LAST,
  MAP_LAST,
  MAP_REQUEST_HEADERS,
  MAP_RESPONSE_HEADERS,
  STATUS_BAD_ARGUMENT,
  STATUS_BAD_MEMORY,
  STATUS_NOT_FOUND,
  STATUS_OK,
} from "./abi.ts";
import type { HostState } from "./context.ts";
import { decodePairs, encodeKept, type HeaderMap } from "./header-map.ts";

/** A host function; i32 parameters come as numbers, i64 ones as bigints. */
export type HostCall = (state: HostState, ...parameters: never[]) => number;

const EMPTY = Buffer.alloc(0);

function text(state: HostState, address: number, length: number): string | undefined {
  return state.memory.read(address, length)?.toString("latin1");
}

function hand(state: HostState, value: Uint8Array, pointerAt: number, lengthAt: number): number {
  const given = state.mangle === undefined ? value : state.mangle(value);
  return state.memory.hand(given, pointerAt, lengthAt) ? STATUS_OK : STATUS_BAD_MEMORY;
}

/** The map of a phase, or null when it cannot be touched now. */
function mapOf(state: HostState, type: number): HeaderMap | null {
  if (type === MAP_REQUEST_HEADERS) return state.current.stream?.requestHeaders ?? null;
  if (type === MAP_RESPONSE_HEADERS) return state.current.stream?.responseHeaders ?? null;
  return null;
}

function changed(state: HostState, type: number): number {
  const stream = state.current.stream;
  if (stream !== null && type === MAP_REQUEST_HEADERS) stream.routeCleared = true;
  return STATUS_OK;
}

function changeValue(
  method: "add" | "replace",
): (state: HostState, type: number, ...at: [number, number, number, number]) => number {
  return (state, type, nameAt, nameLength, valueAt, valueLength) => {
    if (type >>> 0 > MAP_LAST) return STATUS_BAD_ARGUMENT;
    const name = text(state, nameAt, nameLength);
    const value = text(state, valueAt, valueLength);
    if (name === undefined || value === undefined) return STATUS_BAD_MEMORY;
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    map[method](name, value);
    return changed(state, type);
  };
}

const headerCalls = {
  proxy_get_header_map_pairs: (state: HostState, type: number, pointerAt: number, at: number) => {
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    const list = map.list();
    return hand(state, list.length === 0 ? EMPTY : encodeKept(list), pointerAt, at);
  },
  proxy_set_header_map_pairs: (state: HostState, type: number, address: number, length: number) => {
    if (type >>> 0 > MAP_LAST) return STATUS_BAD_ARGUMENT;
    const bytes = state.memory.read(address, length);
    if (bytes === undefined) return STATUS_BAD_MEMORY;
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    map.set(decodePairs(bytes));
    return changed(state, type);
  },
  proxy_get_header_map_value: (
    state: HostState,
    type: number,
    ...[nameAt, nameLength, pointerAt, lengthAt]: [number, number, number, number]
  ) => {
    if (type >>> 0 > MAP_LAST) return STATUS_BAD_ARGUMENT;
    const name = text(state, nameAt, nameLength);
    if (name === undefined) return STATUS_BAD_MEMORY;
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    const value = map.get(name);
    if (value === undefined) return STATUS_NOT_FOUND;
    return hand(state, Buffer.from(value, "latin1"), pointerAt, lengthAt);
  },
  proxy_get_header_map_size: (state: HostState, type: number, sizeAt: number) => {
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    return state.memory.writeU32(sizeAt, map.byteSize()) ? STATUS_OK : STATUS_BAD_MEMORY;
  },
  proxy_add_header_map_value: changeValue("add"),
  proxy_replace_header_map_value: changeValue("replace"),
  proxy_remove_header_map_value: (state: HostState, type: number, at: number, length: number) => {
    if (type >>> 0 > MAP_LAST) return STATUS_BAD_ARGUMENT;
    const name = text(state, at, length);
    if (name === undefined) return STATUS_BAD_MEMORY;
    const map = mapOf(state, type);
    if (map === null) return STATUS_BAD_ARGUMENT;
    map.remove(name);
    return changed(state, type);
  },
};

/** Path parts end in NUL or at the end; `plugin_root_id` answers in every context. */
function propertyOf(state: HostState, path: string): Buffer | undefined {
  const dotted = path.replace(/\0$/, "").replaceAll("\0", ".");
  const { plugin, stream } = state.current;
  if (dotted === "plugin_root_id") return Buffer.from(plugin?.rootId ?? "");
  if (dotted === "plugin_name") return Buffer.from(plugin?.name ?? "");
  return stream?.properties.get(dotted) ?? stream?.filterState.get(dotted);
}

const propertyCalls = {
  proxy_get_property: (
    state: HostState,
    ...[at, length, pointerAt, lengthAt]: [number, number, number, number]
  ) => {
    const path = text(state, at, length);
    if (path === undefined) return STATUS_BAD_MEMORY;
    const value = propertyOf(state, path);
    return value === undefined ? STATUS_NOT_FOUND : hand(state, value, pointerAt, lengthAt);
  },
  proxy_set_property: (
    state: HostState,
    ...[at, length, valueAt, valueLength]: [number, number, number, number]
  ) => {
    const path = text(state, at, length);
    const value = state.memory.read(valueAt, valueLength);
    if (path === undefined || value === undefined) return STATUS_BAD_MEMORY;
    if (state.current.stream === null) return STATUS_NOT_FOUND;
    state.current.stream.filterState.set(`wasm.${path}`, Buffer.from(value));
    return STATUS_OK;
  },
};

function bufferOf(state: HostState, type: number): Buffer | null {
  if (type === BUFFER_VM_CONFIGURATION) return state.vmConfiguration;
  return type === BUFFER_PLUGIN_CONFIGURATION ? state.current.configuration : null;
}

const bufferCalls = {
  /** Nothing is written to the two addresses when the range holds no byte. */
  proxy_get_buffer_bytes: (
    state: HostState,
    type: number,
    ...[start, length, pointerAt, lengthAt]: [number, number, number, number]
  ) => {
    if (type >>> 0 > BUFFER_LAST) return STATUS_BAD_ARGUMENT;
    const buffer = bufferOf(state, type);
    if (buffer === null) return STATUS_NOT_FOUND;
    const first = start >>> 0;
    const end = Math.min(first + (length >>> 0), buffer.length);
    if (first > buffer.length) return STATUS_BAD_ARGUMENT;
    return end > first ? hand(state, buffer.subarray(first, end), pointerAt, lengthAt) : STATUS_OK;
  },
  proxy_get_buffer_status: (state: HostState, type: number, lengthAt: number, flagsAt: number) => {
    if (type >>> 0 > BUFFER_LAST) return STATUS_BAD_ARGUMENT;
    const buffer = bufferOf(state, type);
    if (buffer === null) return STATUS_NOT_FOUND;
    const written =
      state.memory.writeU32(lengthAt, buffer.length) && state.memory.writeU32(flagsAt, 0);
    return written ? STATUS_OK : STATUS_BAD_MEMORY;
  },
};

const metricCalls = {
  proxy_define_metric: (state: HostState, type: number, ...at: [number, number, number]) => {
    const name = text(state, at[0], at[1]);
    if (name === undefined) return STATUS_BAD_MEMORY;
    const id = state.metrics.define(type >>> 0, name);
    if (id === undefined) return STATUS_BAD_ARGUMENT;
    return state.memory.writeU32(at[2], id) ? STATUS_OK : STATUS_BAD_MEMORY;
  },
  proxy_increment_metric: (state: HostState, id: number, delta: bigint) =>
    state.metrics.increment(id, delta),
  proxy_record_metric: (state: HostState, id: number, value: bigint) =>
    state.metrics.record(id, BigInt.asUintN(64, value)),
  proxy_get_metric: (state: HostState, id: number, valueAt: number) => {
    const value = state.metrics.read(id);
    if (typeof value === "number") return value;
    return state.memory.writeU64(valueAt, value) ? STATUS_OK : STATUS_BAD_MEMORY;
  },
};

const generalCalls = {
  proxy_log: (state: HostState, level: number, address: number, length: number) => {
    if (level >>> 0 > LOG_LEVEL_LAST) return STATUS_BAD_ARGUMENT;
    const bytes = state.memory.read(address, length);
    if (bytes === undefined) return STATUS_BAD_MEMORY;
    state.log({ level, text: bytes.toString("utf8") });
    return STATUS_OK;
  },
  proxy_get_log_level: (state: HostState, levelAt: number) =>
    state.memory.writeU32(levelAt, 2) ? STATUS_OK : STATUS_BAD_MEMORY,
  proxy_get_current_time_nanoseconds: (state: HostState, timeAt: number) =>
    state.memory.writeU64(timeAt, state.nowNanoseconds()) ? STATUS_OK : STATUS_BAD_MEMORY,
  proxy_set_effective_context: (state: HostState, id: number) => {
    const context = state.contexts.get(id);
    if (context === undefined) return STATUS_BAD_ARGUMENT;
    state.current = context;
    return STATUS_OK;
  },
};

/** What this host really does; every other function of the ABI answers 12 (unimplemented). */
export const HOST_CALLS: Readonly<Record<string, HostCall>> = {
  ...headerCalls,
  ...propertyCalls,
  ...bufferCalls,
  ...metricCalls,
  ...generalCalls,
};
