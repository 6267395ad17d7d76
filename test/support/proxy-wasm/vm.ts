import {
  ABI_MARKERS,
  ALLOWED_AT_START,
  HOST_FUNCTIONS,
  STATUS_OK,
  STATUS_UNIMPLEMENTED,
} from "./abi.ts";
import type { Context, HostState, LogLine, Plugin, StreamState } from "./context.ts";
import type { Faults } from "./faults.ts";
import { HOST_CALLS } from "./host-calls.ts";
import { createGuestMemory } from "./memory.ts";
import { createVmMetrics, type Metrics, type VmMetrics } from "./metrics.ts";

/** What all VMs of a process share. */
export type VmSurroundings = {
  metrics: Metrics;
  faults: Faults;
  logs: LogLine[];
  nowNanoseconds(): bigint;
};

export type Vm = {
  readonly failed: boolean;
  /** What a trap said. */
  readonly trap: string | null;
  readonly metrics: VmMetrics;
  /** Host calls of the callback that ran last, in order. */
  readonly calls: readonly string[];
  readonly memoryBytes: () => number;
  exports(callback: string): boolean;
  createContext(plugin: Plugin, stream: StreamState | null): Context;
  deleteContext(context: Context): void;
  /** Runs an exported callback; undefined when it is absent or the VM has failed or fails now. */
  call(callback: string, context: Context, ...parameters: number[]): number | undefined;
};

/** Refuses what Envoy refuses: another ABI, an import it has not, no allocator. */
export function checkModule(module: WebAssembly.Module): void {
  const exports = new Set(WebAssembly.Module.exports(module).map((item) => item.name));
  if (!ABI_MARKERS.some((marker) => exports.has(marker))) {
    throw new Error("Missing or unknown Proxy-Wasm ABI version");
  }
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (from !== "env" || kind !== "function" || !HOST_FUNCTIONS.has(name)) {
      throw new Error(`Failed to load Wasm module due to a missing import: ${from}.${name}`);
    }
  }
  if (!exports.has("malloc") && !exports.has("proxy_on_memory_allocate")) {
    throw new Error("Wasm module is missing malloc function.");
  }
}

type Exported = (...parameters: number[]) => number;

class Trap extends Error {}

function importsOf(
  module: WebAssembly.Module,
  call: (name: string, parameters: never[]) => number,
): WebAssembly.Imports {
  const env: Record<string, (...parameters: never[]) => number> = {};
  for (const { name } of WebAssembly.Module.imports(module)) {
    env[name] = (...parameters) => call(name, parameters);
  }
  return { env };
}

/** One VM: an instance of the module with its contexts, started but with no root yet. */
export function createVm(
  module: WebAssembly.Module,
  surroundings: VmSurroundings,
  vmConfiguration: Buffer,
): Vm {
  checkModule(module);
  const metrics = createVmMetrics(surroundings.metrics);
  const contexts = new Map<number, Context>();
  const vmContext: Context = { id: 0, plugin: null, stream: null, configuration: null };
  let calls: string[] = [];
  let restricted = true;
  let trap: string | null = null;
  let nextId = 1;

  const runCall = (name: string, parameters: never[]): number => {
    calls.push(name);
    if (restricted && !ALLOWED_AT_START.has(name)) throw new Trap("restricted_callback");
    const fault = surroundings.faults.match(name);
    if (fault?.status !== undefined && fault.status !== STATUS_OK) return fault.status;
    state.mangle = fault?.mangle;
    return HOST_CALLS[name]?.(state, ...parameters) ?? STATUS_UNIMPLEMENTED;
  };
  const instance = new WebAssembly.Instance(module, importsOf(module, runCall));
  const exported = instance.exports as Record<string, unknown>;
  const find = (name: string): Exported | undefined =>
    typeof exported[name] === "function" ? (exported[name] as Exported) : undefined;
  const allocate = find("malloc") ?? find("proxy_on_memory_allocate");
  const linear = exported["memory"];
  if (!(linear instanceof WebAssembly.Memory)) throw new Error("Wasm module exports no memory");
  const state: HostState = {
    current: vmContext,
    contexts,
    memory: createGuestMemory(linear, (length) => allocate?.(length) ?? 0),
    metrics,
    vmConfiguration,
    nowNanoseconds: surroundings.nowNanoseconds,
    log: (line) => surroundings.logs.push(line),
    mangle: undefined,
  };

  const call: Vm["call"] = (callback, context, ...parameters) => {
    const target = find(callback);
    if (target === undefined || trap !== null) return undefined;
    calls = [];
    state.current = context;
    try {
      return target(...parameters);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof Trap)) throw error;
      trap = `${callback}: ${error.message}`;
      return undefined;
    }
  };
  if (find("_initialize") !== undefined) call("_initialize", vmContext);
  else call("_start", vmContext);
  restricted = false;
  return {
    get failed() {
      return trap !== null;
    },
    get trap() {
      return trap;
    },
    get calls() {
      return calls;
    },
    metrics,
    memoryBytes: () => linear.buffer.byteLength,
    exports: (callback) => find(callback) !== undefined,
    createContext: (plugin, stream) => {
      while (contexts.has(nextId)) nextId++;
      const context: Context = { id: nextId++, plugin, stream, configuration: null };
      contexts.set(context.id, context);
      return context;
    },
    deleteContext: (context) => {
      contexts.delete(context.id);
    },
    call,
  };
}
