import { createRegistry, fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { anyUnpack, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type BootstrapOptions, buildBootstrap } from "../../../control/envoy/bootstrap.ts";
import type { FilterSource } from "../../../control/envoy/http-filters.ts";
import { TypedExtensionConfigSchema } from "../../../control/xds/proto/core_pb.ts";
import { WasmSchema } from "../../../control/xds/proto/http-wasm_pb.ts";
import { buildResource } from "../../../control/xds/resource.ts";

const NO_WHERE = { host: "127.0.0.1", port: 1 };
const FILTER: FilterSource = { name: "limen", vmId: "vm-1", wasmPath: "/limen.wasm", table: "xds" };

function aBootstrap(changes: Partial<BootstrapOptions> = {}): JsonValue {
  const options: BootstrapOptions = {
    node: { id: "n", cluster: "c" },
    admin: NO_WHERE,
    listener: NO_WHERE,
    upstreams: [{ name: "shop", address: NO_WHERE }],
    tagRoutes: [],
    defaultUpstream: "shop",
    filters: [FILTER],
    xds: NO_WHERE,
    ...changes,
  };
  return buildBootstrap(options) as JsonValue;
}

/** Every value under a field name, wherever it stands. */
function valuesOf(value: JsonValue, field: string): JsonValue[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesOf(each, field));
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name === field ? [inner] : []),
    ...valuesOf(inner, field),
  ]);
}

describe("buildBootstrap", () => {
  it("gives the default the module and VM that control pushes, so that Envoy keeps the VM", () => {
    const [said] = valuesOf(aBootstrap(), "default_config") as { config: object }[];
    const registry = createRegistry(WasmSchema, BytesValueSchema);
    const byDefault = fromJson(WasmSchema, { config: said?.config ?? null } as JsonValue, {
      registry,
    });
    const table = new Uint8Array(0);
    const wasm = { path: "/limen.wasm" };
    const resource = buildResource({ name: "limen", vmId: "vm-1", table, wasm });
    const { typedConfig } = fromBinary(TypedExtensionConfigSchema, resource.bytes);
    expect(typedConfig && anyUnpack(typedConfig, WasmSchema)).toEqual(byDefault);
  });

  it("removes forged headers before the route is chosen, not in the chain of filters", () => {
    const [early] = valuesOf(aBootstrap(), "early_header_mutation_extensions");
    const [chain] = valuesOf(aBootstrap(), "http_filters") as { name: string }[][];
    expect(valuesOf(early ?? null, "remove_on_match")).toHaveLength(1);
    expect(chain?.map(({ name }) => name)).toEqual(["limen", "envoy.filters.http.router"]);
  });

  it("leaves the native removal out when told so", () => {
    const bootstrap = aBootstrap({ removeForged: false });
    expect(valuesOf(bootstrap, "remove_on_match")).toEqual([]);
  });

  it("tries the ECDS service again after 0.25 s to 1 s", () => {
    expect(valuesOf(aBootstrap(), "retry_back_off")).toEqual([
      { base_interval: "0.25s", max_interval: "1s" },
    ]);
  });

  it("buffers at least 256 KiB of access log", () => {
    const [bytes] = valuesOf(aBootstrap({ accessLog: NO_WHERE }), "buffer_size_bytes");
    expect(bytes).toBeGreaterThanOrEqual(262_144);
  });

  it("asks for no access log without a collector", () => {
    expect(valuesOf(aBootstrap(), "access_log")).toEqual([]);
  });

  it("looks up names but not addresses", () => {
    const upstreams = [
      { name: "a", address: { host: "shop.example", port: 80 } },
      { name: "b", address: { host: "::1", port: 80 } },
    ];
    const types = valuesOf(aBootstrap({ upstreams, defaultUpstream: "a" }), "type");
    expect(types.slice(0, 2)).toEqual(["STRICT_DNS", "STATIC"]);
  });
});
