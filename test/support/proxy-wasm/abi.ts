/** Numbers and names of the Proxy-Wasm ABI 0.2.1, as in its specification. */

export const ABI_MARKERS = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"] as const;

export const STATUS_OK = 0;
export const STATUS_NOT_FOUND = 1;
export const STATUS_BAD_ARGUMENT = 2;
export const STATUS_BAD_MEMORY = 6;
export const STATUS_EMPTY = 7;
export const STATUS_CAS_MISMATCH = 8;
export const STATUS_INTERNAL = 10;
export const STATUS_UNIMPLEMENTED = 12;

export const MAP_REQUEST_HEADERS = 0;
export const MAP_REQUEST_TRAILERS = 1;
export const MAP_RESPONSE_HEADERS = 2;
export const MAP_RESPONSE_TRAILERS = 3;
export const MAP_LAST = 7;

export const BUFFER_VM_CONFIGURATION = 6;
export const BUFFER_PLUGIN_CONFIGURATION = 7;
export const BUFFER_LAST = 8;

export const METRIC_COUNTER = 0;
export const METRIC_GAUGE = 1;
export const METRIC_HISTOGRAM = 2;

export const LOG_LEVEL_LAST = 5;

/** Pairs a guest may send, and their bytes; above either the host reads an empty list. */
export const GUEST_PAIRS_MAX = 1024;
export const GUEST_PAIRS_BYTES_MAX = 1048576;

/** Every import of module `env` that Envoy registers for ABI 0.2.1. */
export const HOST_FUNCTIONS: ReadonlySet<string> = new Set(
  [
    ...["log", "get_log_level", "get_current_time_nanoseconds", "set_tick_period_milliseconds"],
    ...["done", "set_effective_context", "get_status", "call_foreign_function"],
    ...["get_buffer_bytes", "set_buffer_bytes", "get_buffer_status"],
    ...["get_header_map_size", "get_header_map_pairs", "set_header_map_pairs"],
    ...["get_header_map_value", "add_header_map_value", "replace_header_map_value"],
    ...["remove_header_map_value", "continue_stream", "close_stream", "send_local_response"],
    ...["http_call", "grpc_call", "grpc_stream", "grpc_send", "grpc_cancel", "grpc_close"],
    ...["set_shared_data", "get_shared_data", "register_shared_queue", "resolve_shared_queue"],
    ...["enqueue_shared_queue", "dequeue_shared_queue", "get_property", "set_property"],
    ...["define_metric", "increment_metric", "record_metric", "get_metric"],
  ].map((name) => `proxy_${name}`),
);

/** The only calls a module may make while it is initialized; any other one traps. */
export const ALLOWED_AT_START: ReadonlySet<string> = new Set(["proxy_log"]);
