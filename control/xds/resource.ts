import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { LimenError } from "../errors.ts";
import { AsyncDataSourceSchema, TypedExtensionConfigSchema } from "./proto/core_pb.ts";
import { WasmSchema } from "./proto/http-wasm_pb.ts";
import { PluginConfigSchema } from "./proto/wasm_pb.ts";

export const TYPE_URL = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const RUNTIME = "envoy.wasm.runtime.v8";
/** FailurePolicy of envoy.extensions.wasm.v3.PluginConfig. */
const FAILURE_POLICY = { reload: 1, closed: 2 } as const;
/** The older field, on purpose: with FAIL_OPEN Envoy 1.40 answers the request that traps with 503,
 * with `fail_open` it serves it. The two fields exclude each other. */
const FAIL_OPEN = { failOpen: true } as const;
/** Hex digits of a resource digest: the first 8 bytes of the SHA-256. */
const DIGEST_BYTES = 8;

/** What one ECDS name is set to: the bytes, and the digest that says whether they changed. */
export type Resource = {
  /** The ECDS resource name, which is the filter's name in its chain. */
  name: string;
  /** A serialized envoy.config.core.v3.TypedExtensionConfig. */
  bytes: Uint8Array;
  /** Resource digest: SHA-256 of the whole typed_config, first 8 bytes, hex. */
  digest: string;
};

export type ResourceParts = {
  name: string;
  /** The table; empty bytes are the base state without one. */
  table: Uint8Array;
  /** A path in the proxy's file system, or the module itself. Keep it and `vmId` the same from
   * push to push: Envoy then keeps the VM and only configures it anew. */
  wasm: { path: string } | { bytes: Uint8Array };
  /** One VM id a plugin: plugins that share a VM share its globals. */
  vmId: string;
  /** Defaults to the name. */
  rootId?: string;
  /** Defaults to `open`: a trap serves the request untagged. */
  failurePolicy?: "open" | keyof typeof FAILURE_POLICY;
  /** Exactly the host functions the module may call; without it all are allowed. */
  imports?: readonly string[];
};

/** The ECDS resource of a table; the same parts always give the same bytes. */
export function buildResource(parts: ResourceParts): Resource {
  if (parts.name === "" || parts.vmId === "") {
    throw new LimenError("input", "xds resource: name and vmId are empty, give each a text");
  }
  const typedConfig = anyPack(
    WasmSchema,
    create(WasmSchema, {
      config: create(PluginConfigSchema, {
        name: parts.name,
        rootId: parts.rootId ?? parts.name,
        vm: {
          case: "vmConfig",
          value: { vmId: parts.vmId, runtime: RUNTIME, code: codeSource(parts.wasm) },
        },
        // Envoy hands the filter the value of a BytesValue, not its wrapper.
        configuration: anyPack(BytesValueSchema, create(BytesValueSchema, { value: parts.table })),
        ...onFailure(parts.failurePolicy ?? "open"),
        ...restrictTo(parts.imports),
      }),
    }),
  );
  return fromTypedConfig(parts.name, typedConfig);
}

/** Any other typed_config as a resource, for instance a filter that does nothing. */
export function fromTypedConfig(name: string, typedConfig: Any): Resource {
  const config = create(TypedExtensionConfigSchema, { name, typedConfig });
  return {
    name,
    bytes: toBinary(TypedExtensionConfigSchema, config),
    digest: digestOf(toBinary(AnySchema, typedConfig)),
  };
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest().subarray(0, DIGEST_BYTES).toString("hex");
}

function onFailure(policy: NonNullable<ResourceParts["failurePolicy"]>) {
  return policy === "open" ? FAIL_OPEN : { failurePolicy: FAILURE_POLICY[policy] };
}

function codeSource(wasm: ResourceParts["wasm"]) {
  const specifier =
    "path" in wasm
      ? { case: "filename" as const, value: wasm.path }
      : { case: "inlineBytes" as const, value: wasm.bytes };
  return create(AsyncDataSourceSchema, { specifier: { case: "local", value: { specifier } } });
}

/** A map has no order on the wire, so the names are sorted to keep the bytes the same. */
function restrictTo(imports: readonly string[] | undefined) {
  if (imports === undefined) return {};
  const sorted = [...new Set(imports)].sort();
  return {
    capabilityRestrictionConfig: {
      allowedCapabilities: Object.fromEntries(sorted.map((name) => [name, {}])),
    },
  };
}
