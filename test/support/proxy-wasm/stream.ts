import type { Context, StreamState } from "./context.ts";
import { createHeaderMap, type Header, type HeaderMap } from "./header-map.ts";
import type { PluginHandle } from "./worker.ts";

export type Request = {
  headers: readonly Header[];
  /** Attributes as the host serialises them: text as bytes, a boolean as one byte. */
  properties?: ReadonlyMap<string, Buffer>;
  endStream?: boolean;
};

/** served: the filter ran; skipped: it is dead and fails open; refused: 503 by the filter. */
export type Outcome = "served" | "skipped" | "refused";

/** One request on its way through the filter, from request headers to the end. */
export type Stream = {
  readonly outcome: Outcome;
  /** Request headers as they go on. */
  headers(): readonly Header[];
  header(name: string): string | undefined;
  readonly filterState: ReadonlyMap<string, Buffer>;
  readonly routeCleared: boolean;
  /** Host calls of the request-header callback, in order. */
  readonly calls: readonly string[];
  /** What the guest answered; 0 continues. */
  readonly action: number;
  /** Runs the response-header callback, when exported. */
  respond(headers: readonly Header[]): void;
  /** Log, done, delete; lets go of the root context. */
  close(): void;
};

/** A request that no filter sees, because there is none to run. */
export function passBy(request: Request, outcome: "skipped" | "refused"): Stream {
  const map = createHeaderMap(request.headers);
  return {
    outcome,
    headers: () => map.list(),
    header: map.get,
    filterState: new Map(),
    routeCleared: false,
    calls: [],
    action: 0,
    respond: () => undefined,
    close: () => undefined,
  };
}

function closeStream(handle: PluginHandle, context: Context, map: HeaderMap): void {
  const { vm } = handle;
  const state = context.stream;
  if (state !== null) state.requestHeaders = map;
  vm.call("proxy_on_log", context, context.id);
  if (state !== null) state.requestHeaders = null;
  vm.call("proxy_on_done", context, context.id);
  vm.call("proxy_on_delete", context, context.id);
  vm.deleteContext(context);
  handle.release();
}

/** Opens a stream under a handle that the caller has held for it, and runs request headers. */
export function openStream(
  handle: PluginHandle,
  open: (handle: PluginHandle, stream: StreamState) => Context,
  request: Request,
  whenTrapped: "skipped" | "refused",
): Stream {
  const map = createHeaderMap(request.headers);
  const state: StreamState = {
    requestHeaders: map,
    responseHeaders: null,
    filterState: new Map(),
    properties: request.properties ?? new Map(),
    routeCleared: false,
  };
  const { vm } = handle;
  const context = open(handle, state);
  const end = request.endStream === false ? 0 : 1;
  const count = map.list().length;
  const action = vm.call("proxy_on_request_headers", context, context.id, count, end);
  if (action === 0) state.requestHeaders = null;
  let closed = false;
  return {
    outcome: vm.failed ? whenTrapped : "served",
    headers: () => map.list(),
    header: map.get,
    filterState: state.filterState,
    routeCleared: state.routeCleared,
    calls: vm.calls,
    action: action ?? 0,
    respond: (headers) => {
      const response = createHeaderMap(headers);
      state.responseHeaders = response;
      vm.call("proxy_on_response_headers", context, context.id, response.list().length, 1);
      state.responseHeaders = null;
    },
    close: () => {
      if (closed) return;
      closed = true;
      closeStream(handle, context, map);
    },
  };
}
