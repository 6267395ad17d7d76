import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from "../../../control/xds/proto/discovery_pb.ts";
import { buildResource, type ResourceParts } from "../../../control/xds/resource.ts";
import { loadEnvoyProto } from "../../support/envoy-proto.ts";
import { aNode, ECDS_TYPE_URL } from "../../support/xds-client.ts";

const find = loadEnvoyProto([
  "envoy/service/discovery/v3/discovery.proto",
  "envoy/config/core/v3/extension.proto",
  "envoy/extensions/filters/http/wasm/v3/wasm.proto",
  "google/protobuf/wrappers.proto",
]);
const PLAIN = { longs: String };
const decode = (name: string, bytes: Uint8Array) =>
  find(name).toObject(find(name).decode(new Uint8Array(bytes)), PLAIN);

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const parts = (more: Partial<ResourceParts> = {}): ResourceParts => ({
  name: "limen",
  table: Buffer.from("LIMN table"),
  wasm: { bytes: Buffer.from("\0asm") },
  vmId: "limen-vm",
  ...more,
});

// biome-ignore lint/suspicious/noExplicitAny: a plain object of a message known by name only.
function decodePlugin(bytes: Uint8Array): any {
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const config: any = decode("envoy.config.core.v3.TypedExtensionConfig", bytes);
  const wasm = "envoy.extensions.filters.http.wasm.v3.Wasm";
  expect(config.typed_config.type_url).toBe(`type.googleapis.com/${wasm}`);
  return { name: config.name, ...(decode(wasm, config.typed_config.value) as object) };
}

describe("buildResource", () => {
  it("reads in Envoy's own schema as a wasm filter with the table as plain bytes", () => {
    const { name, config } = decodePlugin(buildResource(parts()).bytes);
    expect(name).toBe("limen");
    expect(config).toMatchObject({
      name: "limen",
      root_id: "limen",
      vm_config: {
        vm_id: "limen-vm",
        runtime: "envoy.wasm.runtime.v8",
        code: { local: { inline_bytes: bytesOf("\0asm") } },
      },
      configuration: { type_url: "type.googleapis.com/google.protobuf.BytesValue" },
    });
    const value = decode("google.protobuf.BytesValue", config.configuration.value);
    expect(value).toEqual({ value: bytesOf("LIMN table") });
  });

  it("names the module by its path in the proxy when asked to", () => {
    const { config } = decodePlugin(buildResource(parts({ wasm: { path: "/l.wasm" } })).bytes);
    expect(config.vm_config.code).toEqual({ local: { filename: "/l.wasm" } });
  });

  it("keeps the base state as empty configuration bytes", () => {
    const { config } = decodePlugin(buildResource(parts({ table: new Uint8Array() })).bytes);
    expect(config.configuration.type_url).toMatch(/BytesValue$/);
    expect(config.configuration.value ?? bytesOf("")).toEqual(bytesOf(""));
  });

  it("allows exactly the host functions listed, in one order", () => {
    const one = buildResource(parts({ imports: ["proxy_log", "proxy_get_property"] }));
    const two = buildResource(parts({ imports: ["proxy_get_property", "proxy_log"] }));
    expect(Buffer.from(one.bytes).equals(two.bytes)).toBe(true);
    const { config } = decodePlugin(one.bytes);
    expect(config.capability_restriction_config.allowed_capabilities).toEqual({
      proxy_get_property: {},
      proxy_log: {},
    });
  });

  it("fails open by fail_open, field 5 of the plugin, and by no failure_policy beside it", () => {
    const bytes = Buffer.from(buildResource(parts()).bytes);
    // Tag 5 << 3 | varint, then true: the last field of the plugin, so the last bytes of all.
    expect(bytes.subarray(-2)).toEqual(Buffer.from([0x28, 1]));
  });

  it("writes the policy reload as failure_policy 1, field 7 of the plugin", () => {
    const bytes = Buffer.from(buildResource({ ...parts(), failurePolicy: "reload" }).bytes);
    expect(bytes.subarray(-2)).toEqual(Buffer.from([0x38, 1]));
  });

  it("has the first 8 bytes of the SHA-256 of typed_config as its digest", () => {
    const { bytes, digest } = buildResource(parts());
    // biome-ignore lint/suspicious/noExplicitAny: a plain object of a message known by name only.
    const config: any = decode("envoy.config.core.v3.TypedExtensionConfig", bytes);
    const any = toBinary(
      AnySchema,
      create(AnySchema, {
        typeUrl: config.typed_config.type_url,
        value: config.typed_config.value,
      }),
    );
    expect(digest).toBe(createHash("sha256").update(any).digest("hex").slice(0, 16));
  });

  it.each([
    ["table", { table: Buffer.from("other") }],
    ["module", { wasm: { path: "/other.wasm" } }],
    ["VM id", { vmId: "other" }],
    ["root id", { rootId: "other" }],
    ["failure policy", { failurePolicy: "reload" as const }],
    ["imports", { imports: ["proxy_log"] }],
  ])("has another digest with another %s", (_, more) => {
    expect(buildResource(parts(more)).digest).not.toBe(buildResource(parts()).digest);
  });

  it("refuses an empty name or VM id", () => {
    expect(() => buildResource(parts({ name: "" }))).toThrow(/name and vmId/);
    expect(() => buildResource(parts({ vmId: "" }))).toThrow(/name and vmId/);
  });
});

describe("the messages", () => {
  it("of a request written by the other implementation are read here", () => {
    const type = find("envoy.service.discovery.v3.DiscoveryRequest");
    const value = {
      version_info: "v",
      node: {
        id: "n",
        cluster: "c",
        user_agent_name: "envoy",
        user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 2 } },
        client_features: ["f"],
        locality: { region: "r", zone: "z", sub_zone: "s" },
      },
      resource_names: ["a", "b"],
      type_url: ECDS_TYPE_URL,
      response_nonce: "7",
      error_detail: { code: 13, message: "bad" },
    };
    const bytes = type.encode(type.fromObject(value)).finish();
    const read = fromBinary(DiscoveryRequestSchema, bytes);
    expect(read).toMatchObject({
      versionInfo: "v",
      resourceNames: ["a", "b"],
      typeUrl: ECDS_TYPE_URL,
      responseNonce: "7",
      errorDetail: { code: 13, message: "bad" },
      node: { id: "n", cluster: "c", locality: { region: "r", zone: "z", subZone: "s" } },
    });
    expect(read.node?.userAgentVersionType.value).toMatchObject({
      version: { majorNumber: 1, minorNumber: 40, patch: 2 },
    });
    expect(read.node?.clientFeatures).toEqual(["f"]);
  });

  it("of a request written here are read by the other implementation", () => {
    const request = create(DiscoveryRequestSchema, {
      node: aNode("n", "1.40.3"),
      responseNonce: "7",
      errorDetail: { code: 3, message: "no" },
    });
    const bytes = toBinary(DiscoveryRequestSchema, request);
    expect(decode("envoy.service.discovery.v3.DiscoveryRequest", bytes)).toMatchObject({
      node: {
        id: "n",
        cluster: "edge",
        user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 3 } },
      },
      response_nonce: "7",
      error_detail: { code: 3, message: "no" },
    });
  });

  it("of a response and its resource with a TTL are read by the other implementation", () => {
    const resource = create(ResourceSchema, {
      name: "limen",
      version: "v",
      resource: { typeUrl: ECDS_TYPE_URL, value: Buffer.from("r") },
      ttl: { seconds: 3n, nanos: 5 },
    });
    const inner = toBinary(ResourceSchema, resource);
    expect(decode("envoy.service.discovery.v3.Resource", inner)).toEqual({
      name: "limen",
      version: "v",
      resource: { type_url: ECDS_TYPE_URL, value: bytesOf("r") },
      ttl: { seconds: "3", nanos: 5 },
    });
    const response = create(DiscoveryResponseSchema, {
      versionInfo: "v",
      resources: [{ typeUrl: "t", value: inner }],
      typeUrl: ECDS_TYPE_URL,
      nonce: "9",
      controlPlane: { identifier: "limen" },
    });
    const outer = toBinary(DiscoveryResponseSchema, response);
    expect(decode("envoy.service.discovery.v3.DiscoveryResponse", outer)).toEqual({
      version_info: "v",
      resources: [{ type_url: "t", value: inner }],
      type_url: ECDS_TYPE_URL,
      nonce: "9",
      control_plane: { identifier: "limen" },
    });
  });

  it("keep fields they do not know", () => {
    const type = find("envoy.service.discovery.v3.DiscoveryRequest");
    const value = { node: { id: "n", extensions: [{ name: "unknown here" }] } };
    const bytes = type.encode(type.fromObject(value)).finish();
    const again = toBinary(DiscoveryRequestSchema, fromBinary(DiscoveryRequestSchema, bytes));
    expect(decode("envoy.service.discovery.v3.DiscoveryRequest", again)).toEqual(value);
  });
});
