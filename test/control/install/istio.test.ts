import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  buildIstioManifests,
  renderManifest,
  renderManifests,
} from "../../../control/install/istio.ts";
import { buildExamples } from "../../../control/install/istio-examples.ts";
import { pluginOf } from "../../../control/install/istio-filter.ts";
import { buildAnnotations } from "../../../control/install/istio-fixed.ts";
import {
  DEFAULT_OPTIONS,
  FILTER_NAME,
  type IstioOptions,
} from "../../../control/install/istio-options.ts";
import { FILTER_NAME as SERVED_NAME } from "../../../control/service/serving.ts";
import { buildResource } from "../../../control/xds/resource.ts";
import { loadEnvoyProto } from "../../support/envoy-proto.ts";

const ISTIO = join(import.meta.dirname, "../../../istio");
const PATH = "/opt/limen/limen.wasm";

describe("the files of istio/", () => {
  it.each(buildExamples().map((each) => [each.file, each] as const))(
    "%s is what control/install/istio-examples.ts writes",
    (file, manifest) => {
      expect(readFileSync(join(ISTIO, file), "utf8")).toBe(renderManifest(manifest));
    },
  );

  it("are all written by it", () => {
    const files = readdirSync(ISTIO).filter((file) => file.endsWith(".yaml"));
    expect(files.sort()).toEqual(
      buildExamples()
        .map(({ file }) => file)
        .sort(),
    );
  });

  it("say at their head which test proves them, or that none does", () => {
    const silent = buildExamples().filter(
      ({ says }) => !/Proved by test\/|Checked by istioctl|Mesh configuration/.test(says),
    );
    expect(silent.map(({ file }) => file)).toEqual([]);
  });
});

describe("renderManifests", () => {
  it("writes YAML that reads back as the documents", () => {
    const manifests = buildIstioManifests({ way: "static-cluster" });
    const texts = renderManifests(manifests);
    for (const { file, documents } of manifests) {
      const read = parseAllDocuments(texts[file] ?? "").map((each) => each.toJS());
      expect(read).toEqual(documents);
    }
  });
});

describe("the plugin of default_config", () => {
  it("has the VM of what the service pushes, so that Envoy keeps it", () => {
    const { bytes } = buildResource({
      name: SERVED_NAME,
      table: new Uint8Array(0),
      wasm: { path: PATH },
      vmId: SERVED_NAME,
    });
    const find = loadEnvoyProto([
      "envoy/config/core/v3/extension.proto",
      "envoy/extensions/filters/http/wasm/v3/wasm.proto",
    ]);
    const extension = find("envoy.config.core.v3.TypedExtensionConfig");
    const { typed_config } = extension.toObject(extension.decode(bytes), {}) as {
      typed_config: { value: Uint8Array };
    };
    const wasm = find("envoy.extensions.filters.http.wasm.v3.Wasm");
    const pushed = wasm.toObject(wasm.decode(typed_config.value), {}) as {
      config: { vm_config: unknown; root_id: string };
    };
    const base = pluginOf(PATH, new Uint8Array(0)) as { config: { vm_config: object } };
    expect(pushed.config.vm_config).toEqual(base.config.vm_config);
  });

  it("has the name under which the service pushes", () => {
    expect(FILTER_NAME).toBe(SERVED_NAME);
  });
});

describe("buildAnnotations", () => {
  const of = (options: Partial<IstioOptions>) =>
    Object.keys(buildAnnotations({ ...DEFAULT_OPTIONS, ...options }, "limen-bootstrap"));

  it("asks for none by gRPC's own client with a pushed module", () => {
    expect(of({})).toEqual([]);
  });

  it.each([
    ["static-cluster", "sidecar.istio.io/bootstrapOverride"],
    ["access-log-cluster", "proxy.istio.io/config"],
  ] as const)("asks for one by the way %s", (way, annotation) => {
    expect(of({ way })).toEqual([annotation]);
  });

  it("mounts module and table by the way file", () => {
    const volumes = buildAnnotations(
      { ...DEFAULT_OPTIONS, way: "file", module: { path: PATH } },
      "limen-bootstrap",
    );
    const mounts = JSON.parse(String(volumes["sidecar.istio.io/userVolumeMount"])) as object[];
    expect(mounts).toEqual([
      { name: "limen-table", mountPath: "/etc/limen" },
      { name: "limen-module", mountPath: "/opt/limen" },
    ]);
  });
});

describe("buildIstioManifests", () => {
  const REFUSED: readonly (readonly [string, Partial<IstioOptions>, RegExp])[] = [
    ["no use", { uses: [] }, /no use given/],
    ["no labels", { workload: {} }, /no labels of a workload/],
    ["a gateway with a sidecar", { uses: ["gateway", "inbound"] }, /not both/],
    [
      "a fixed table without a module",
      { way: "istiod" },
      /pushes no module; mount it, and say where by --module, like \/opt\/limen\/limen\.wasm$/,
    ],
    [
      "a module where the table is mounted, as one folder takes one mount",
      { way: "file", module: { path: "/etc/limen/limen.wasm" } },
      /mounts the table at \/etc\/limen,.*; give --module another folder$/,
    ],
    ["a table beside a service", { table: new Uint8Array(1) }, /takes its table from the service/],
    [
      "SDS by gRPC's own client",
      { identity: { kind: "mesh", account: "limen", trustDomain: "cluster.local" } },
      /cannot use SDS/,
    ],
    [
      "certificate files by Istio's own cluster",
      { way: "access-log-cluster", identity: { kind: "files", folder: "/certs" } },
      /takes no files/,
    ],
  ];
  it.each(REFUSED)("refuses %s", (_what, options, message) => {
    expect(() => buildIstioManifests(options)).toThrow(message);
  });

  it("patches each use in its own context", () => {
    const [filter] = buildIstioManifests({ uses: ["inbound", "outbound"] });
    const contexts = [...JSON.stringify(filter?.documents).matchAll(/"context":"(\w+)"/g)];
    expect([...new Set(contexts.map(([, name]) => name))]).toEqual([
      "SIDECAR_INBOUND",
      "SIDECAR_OUTBOUND",
    ]);
  });

  it("makes no Telemetry for a fixed table, which has no service to log to", () => {
    const files = buildIstioManifests({ way: "istiod", module: { path: PATH } });
    expect(files.map(({ file }) => file)).toEqual(["envoy-filter.yaml"]);
  });
});
