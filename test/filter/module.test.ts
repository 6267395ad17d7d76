import { describe, expect, it } from "vitest";
import { filterModule, readFilterBytes } from "../support/host-filter.ts";

describe("build/limen.wasm", () => {
  it("imports these host functions and nothing else", () => {
    const imports = WebAssembly.Module.imports(filterModule());
    expect(imports.filter((item) => item.module !== "env" || item.kind !== "function")).toEqual([]);
    expect(imports.map((item) => item.name).sort()).toEqual([
      "proxy_define_metric",
      "proxy_get_buffer_bytes",
      "proxy_get_current_time_nanoseconds",
      "proxy_get_header_map_pairs",
      "proxy_get_property",
      "proxy_increment_metric",
      "proxy_log",
      "proxy_record_metric",
      "proxy_remove_header_map_value",
      "proxy_replace_header_map_value",
      "proxy_set_header_map_pairs",
      "proxy_set_property",
    ]);
  });

  it("exports the marker, the allocator, the memory and three callbacks", () => {
    const exports = WebAssembly.Module.exports(filterModule());
    expect(exports.map((item) => `${item.kind} ${item.name}`).sort()).toEqual([
      "function proxy_abi_version_0_2_1",
      "function proxy_on_configure",
      "function proxy_on_context_create",
      "function proxy_on_memory_allocate",
      "function proxy_on_request_headers",
      "memory memory",
    ]);
  });

  it("is below 64 KiB", () => {
    expect(readFilterBytes().length).toBeLessThan(64 * 1024);
  });
});
