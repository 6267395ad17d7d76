// Manifests for Istio as values; `limen install istio` and the files of istio/ are written from them.
import { posix } from "node:path";
import { stringify } from "yaml";
import type { Json } from "../envoy/json.ts";
import { LimenError } from "../errors.ts";
import { buildOverrideMap, overrideName } from "./istio-cluster.ts";
import { buildEnvoyFilter, MOUNT_FOLDER } from "./istio-filter.ts";
import { buildAnnotations, buildTableMap } from "./istio-fixed.ts";
import {
  DEFAULT_OPTIONS,
  type IstioOptions,
  type IstioWay,
  type Manifest,
} from "./istio-options.ts";
import { buildMeshValues, buildTelemetry } from "./istio-routes.ts";

const WAYS: Readonly<Record<IstioWay, string>> = {
  "google-grpc": "reaches the control service by gRPC's own client: no annotation, no restart",
  "static-cluster": "reaches the control service by a static cluster of the bootstrap",
  "access-log-cluster": "reaches the control service by Istio's own access-log cluster",
  istiod: "a fixed table that istiod hands out; no control service",
  file: "a fixed table in a mounted file; no control service",
};

const isFixed = (way: IstioWay): boolean => way === "istiod" || way === "file";

function refuse(text: string): never {
  throw new LimenError("input", `istio: ${text}`);
}

function checkTable({ way, module, table }: IstioOptions): void {
  if (!isFixed(way) && table) refuse(`the way ${way} takes its table from the service`);
  if (isFixed(way) && module === "pushed") {
    const path = "/opt/limen/limen.wasm";
    refuse(`the way ${way} pushes no module; mount it, and say where by --module, like ${path}`);
  }
  if (way === "file" && module !== "pushed" && posix.dirname(module.path) === MOUNT_FOLDER) {
    const text = `the way file mounts the table at ${MOUNT_FOLDER}, where ${module.path} would be`;
    refuse(`${text}; give --module another folder`);
  }
}

function check(options: IstioOptions): void {
  const { way, identity, uses, workload } = options;
  if (uses.length === 0) refuse("no use given, name gateway, inbound or outbound");
  if (Object.keys(workload).length === 0) {
    refuse("no labels of a workload given; without them every proxy of the namespace is meant");
  }
  if (uses.includes("gateway") && uses.length > 1) {
    refuse("a workload is a gateway or has a sidecar, not both; make two manifests");
  }
  checkTable(options);
  if (way === "google-grpc" && identity.kind === "mesh") {
    refuse("gRPC's own client cannot use SDS; take the way static-cluster or certificate files");
  }
  if (way === "access-log-cluster" && identity.kind === "files") {
    refuse("Istio's own cluster takes no files of ours; take the way static-cluster");
  }
}

function describe(options: IstioOptions): string {
  const { uses, namespace, workload, way } = options;
  const labels = Object.entries(workload).map(([key, value]) => `${key}=${value}`);
  const annotations = buildAnnotations(options, overrideName(options.name));
  const lines = Object.entries(annotations).map(
    ([key, value]) => `  ${key}: ${JSON.stringify(value)}`,
  );
  const needs =
    lines.length === 0
      ? "Needs no annotation."
      : `Needs these annotations on the pods, then a restart:\n${lines.join("\n")}`;
  return `Limen at ${uses.join(" and ")} of ${labels.join(",")} in ${namespace}; ${WAYS[way]}.\n${needs}`;
}

/** What a workload needs, one manifest a file; the mesh configuration only where a service takes decisions. */
export function buildIstioManifests(given: Partial<IstioOptions> = {}): Manifest[] {
  const options: IstioOptions = { ...DEFAULT_OPTIONS, ...given };
  check(options);
  const filter: Manifest = {
    file: "envoy-filter.yaml",
    says: describe(options),
    documents: [
      ...(options.way === "static-cluster" ? [buildOverrideMap(options)] : []),
      ...buildTableMap(options),
      buildEnvoyFilter(options),
    ],
  };
  if (isFixed(options.way)) return [filter];
  const telemetry: Manifest = {
    file: "telemetry.yaml",
    says: "Sends the decisions of that workload to the control service. Needs the provider of mesh-config.yaml.",
    documents: [buildTelemetry(options)],
  };
  return [filter, telemetry, buildMeshValues(options)];
}

const renderDocument = (document: Json): string =>
  stringify(document, { lineWidth: 100, aliasDuplicateObjects: false });

/** A file of Kubernetes objects, with what it says as a comment at its head. */
export function renderManifest({ says, documents }: Manifest): string {
  const head = says.split("\n").map((line) => `# ${line}\n`);
  return `${head.join("")}${documents.map(renderDocument).join("---\n")}`;
}

/** File names and texts. */
export function renderManifests(manifests: readonly Manifest[]): Readonly<Record<string, string>> {
  return Object.fromEntries(manifests.map((each) => [each.file, renderManifest(each)]));
}
