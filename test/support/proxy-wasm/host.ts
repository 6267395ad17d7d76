import { createHash } from "node:crypto";
import type { LogLine, Plugin } from "./context.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { openStream, passBy, type Request, type Stream } from "./stream.ts";
import { createVm, type Vm, type VmSurroundings } from "./vm.ts";
import {
  createWorker,
  type PluginHandle,
  startPlugin,
  type VmSource,
  type Worker,
} from "./worker.ts";

export type FailurePolicy = "FAIL_OPEN" | "FAIL_CLOSED" | "FAIL_RELOAD";

export type FilterOptions = {
  module: WebAssembly.Module;
  name?: string;
  rootId?: string;
  vmId?: string;
  vmConfiguration?: Uint8Array;
  failurePolicy?: FailurePolicy;
  /** The configuration at start; without one, an empty one. Refused bytes throw, as in a bootstrap. */
  configuration?: Uint8Array;
};

/** ack and nack as a control plane sees them; applied says whether workers were configured. */
export type PushResult = { acked: boolean; applied: boolean };

export type Filter = {
  push(configuration: Uint8Array): PushResult;
  open(request: Request, worker?: number): Stream;
  vm(worker?: number): Vm;
};

/** One proxy process on one clock: workers, filters, metrics, logs. */
export type Host = {
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly logs: LogLine[];
  readonly workers: readonly Worker[];
  now(): bigint;
  advance(milliseconds: number): void;
  addFilter(options: FilterOptions): Filter;
};

/** First retry after a trap under FAIL_RELOAD; Envoy's default base interval, without jitter. */
const RELOAD_BACKOFF_NANOSECONDS = 1_000_000_000n;

function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** Configures a throw-away clone on the main thread: all that decides between ack and nack. */
function runCanary(source: VmSource, plugin: Plugin, surroundings: VmSurroundings): boolean {
  const clone = createVm(source.module, surroundings, source.vmConfiguration);
  if (clone.failed) return false;
  return startPlugin(clone, plugin, clone.createContext(plugin, null));
}

/** What the main thread knows of one VM key. */
type Base = { failed: boolean; canaries: Map<string, boolean> };

type Slot = { handle: PluginHandle | undefined; failedAt: bigint | null };

function createFilter(
  options: FilterOptions,
  source: VmSource,
  base: Base,
  surroundings: VmSurroundings,
  workers: readonly Worker[],
): Filter {
  const name = options.name ?? "limen";
  const rootId = options.rootId ?? "limen";
  const policy = options.failurePolicy ?? "FAIL_OPEN";
  const slots: Slot[] = workers.map(() => ({ handle: undefined, failedAt: null }));
  let plugin: Plugin | undefined;
  let lastPushed: string | undefined;

  const bind = (worker: number, next: Plugin): void => {
    const slot = slotOf(worker);
    const before = slot.handle;
    slot.handle = workers[worker]?.plugin(source, next);
    slot.failedAt = null;
    // A worker that refuses what the canary took marks the base VM: every later push is refused.
    if (slot.handle === undefined) base.failed = true;
    before?.release();
  };
  const slotOf = (worker: number): Slot => {
    const slot = slots[worker];
    if (slot === undefined) throw new Error(`no worker ${worker}: the host has ${slots.length}`);
    return slot;
  };
  const apply = (configuration: Uint8Array): PushResult => {
    const bytes = Buffer.from(configuration);
    const next = { name, rootId, configuration: bytes, key: keyOf(name, rootId, bytes) };
    // The subscription remembers the bytes it saw last, refused ones too, and acks them unread.
    if (next.key === lastPushed) return { acked: true, applied: false };
    lastPushed = next.key;
    const known = base.canaries.get(next.key);
    const accepted = !base.failed && (known ?? runCanary(source, next, surroundings));
    base.canaries.set(next.key, accepted);
    if (!accepted) return { acked: false, applied: false };
    plugin = next;
    for (let worker = 0; worker < workers.length; worker++) bind(worker, next);
    return { acked: true, applied: true };
  };
  const heal = (worker: number): PluginHandle | undefined => {
    const slot = slotOf(worker);
    if (policy !== "FAIL_RELOAD" || plugin === undefined) return undefined;
    const now = surroundings.nowNanoseconds();
    slot.failedAt ??= now;
    if (now - slot.failedAt < RELOAD_BACKOFF_NANOSECONDS) return undefined;
    bind(worker, plugin);
    return slot.handle;
  };
  if (!apply(options.configuration ?? new Uint8Array()).acked) {
    throw new Error(`Unable to create Wasm plugin ${name}`);
  }
  return {
    push: apply,
    open: (request, worker = 0) => {
      const slot = slotOf(worker);
      const onFailure = policy === "FAIL_OPEN" ? "skipped" : "refused";
      let handle = slot.handle;
      if (handle === undefined || handle.vm.failed) handle = heal(worker);
      const on = workers[worker];
      if (handle === undefined || handle.vm.failed || on === undefined) {
        return passBy(request, onFailure);
      }
      handle.hold();
      const stream = openStream(handle, on.openStream, request, onFailure);
      if (handle.vm.failed) slot.failedAt = surroundings.nowNanoseconds();
      return stream;
    },
    vm: (worker = 0) => {
      const handle = slotOf(worker).handle;
      if (handle === undefined) throw new Error(`worker ${worker} runs no plugin`);
      return handle.vm;
    },
  };
}

/** A proxy with nothing in it. The clock stands still unless the test advances it. */
export function createHost(options: { workers?: number; now?: bigint } = {}): Host {
  let now = options.now ?? 1_800_000_000_000_000_000n;
  const surroundings: VmSurroundings = {
    metrics: createMetrics(),
    faults: createFaults(),
    logs: [],
    nowNanoseconds: () => now,
  };
  const workers = Array.from({ length: options.workers ?? 1 }, () => createWorker(surroundings));
  const bases = new Map<string, Base>();
  return {
    metrics: surroundings.metrics,
    faults: surroundings.faults,
    logs: surroundings.logs,
    workers,
    now: () => now,
    advance: (milliseconds) => {
      now += BigInt(Math.round(milliseconds * 1e6));
    },
    addFilter: (filter) => {
      const vmConfiguration = Buffer.from(filter.vmConfiguration ?? []);
      const key = keyOf(filter.vmId ?? "limen", vmConfiguration, moduleKey(filter.module));
      const base = bases.get(key) ?? { failed: false, canaries: new Map() };
      bases.set(key, base);
      const source = { key, module: filter.module, vmConfiguration };
      return createFilter(filter, source, base, surroundings, workers);
    },
  };
}

const moduleNumbers = new WeakMap<WebAssembly.Module, string>();
let nextModule = 0;

/** Modules compare by identity: compile a file once to share a VM. */
function moduleKey(module: WebAssembly.Module): string {
  const known = moduleNumbers.get(module) ?? `module ${nextModule++}`;
  moduleNumbers.set(module, known);
  return known;
}
