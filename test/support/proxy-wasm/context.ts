import type { HeaderMap } from "./header-map.ts";
import type { GuestMemory } from "./memory.ts";
import type { VmMetrics } from "./metrics.ts";

/** One filter of a listener or one `typed_config` of an ECDS resource. */
export type Plugin = {
  name: string;
  rootId: string;
  configuration: Buffer;
  /** Equal keys share one root context. */
  key: string;
};

/** What one HTTP stream holds; header maps are null outside the phase that may touch them. */
export type StreamState = {
  requestHeaders: HeaderMap | null;
  responseHeaders: HeaderMap | null;
  /** Filter state by its full name, `wasm.` in front. */
  readonly filterState: Map<string, Buffer>;
  /** Properties by dotted path, as bytes. */
  readonly properties: ReadonlyMap<string, Buffer>;
  /** Set by a change of request headers: Envoy selects the route again. */
  routeCleared: boolean;
};

/** A context of a VM: a root (one a plugin configuration) or a stream. Id 0 is the VM itself. */
export type Context = {
  readonly id: number;
  readonly plugin: Plugin | null;
  readonly stream: StreamState | null;
  /** Only while `proxy_on_configure` runs. */
  configuration: Buffer | null;
};

export type LogLine = { level: number; text: string };

/** What a host function works on: the VM it was called from and the context that runs. */
export type HostState = {
  current: Context;
  contexts: ReadonlyMap<number, Context>;
  memory: GuestMemory;
  metrics: VmMetrics;
  vmConfiguration: Buffer;
  nowNanoseconds(): bigint;
  log(line: LogLine): void;
  /** Changes bytes on their way to the guest; set by a fault. */
  mangle: ((bytes: Uint8Array) => Uint8Array) | undefined;
};
