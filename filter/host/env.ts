// Host functions of proxy-wasm ABI 0.2.1 that the filter uses. The name of this file is the name of
// the wasm module they are imported from. Each answers a status: 0 is ok.

export declare function proxy_log(level: i32, text: usize, length: i32): i32;
export declare function proxy_get_current_time_nanoseconds(result: usize): i32;
export declare function proxy_get_buffer_bytes(
  buffer: i32,
  start: i32,
  length: i32,
  data: usize,
  size: usize,
): i32;
export declare function proxy_get_header_map_pairs(map: i32, data: usize, size: usize): i32;
export declare function proxy_set_header_map_pairs(map: i32, data: usize, size: i32): i32;
export declare function proxy_get_header_map_value(
  map: i32,
  key: usize,
  keyLength: i32,
  data: usize,
  size: usize,
): i32;
export declare function proxy_replace_header_map_value(
  map: i32,
  key: usize,
  keyLength: i32,
  value: usize,
  valueLength: i32,
): i32;
export declare function proxy_remove_header_map_value(map: i32, key: usize, keyLength: i32): i32;
export declare function proxy_get_property(
  path: usize,
  pathLength: i32,
  data: usize,
  size: usize,
): i32;
export declare function proxy_set_property(
  path: usize,
  pathLength: i32,
  value: usize,
  valueLength: i32,
): i32;
export declare function proxy_define_metric(
  kind: i32,
  name: usize,
  nameLength: i32,
  result: usize,
): i32;
export declare function proxy_increment_metric(metric: i32, offset: i64): i32;
export declare function proxy_record_metric(metric: i32, value: u64): i32;
