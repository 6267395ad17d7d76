// What the files of the lane share: options for the lab's proxies, and variants that must fail.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "../../control/envoy/json.ts";
import { buildOverride } from "../../control/install/istio-cluster.ts";
import {
  buildEnvoyFilter,
  MOUNT_FOLDER,
  MOUNTED_FILE,
} from "../../control/install/istio-filter.ts";
import {
  DEFAULT_OPTIONS,
  FILTER_NAME,
  type IstioOptions,
} from "../../control/install/istio-options.ts";
import { buildResource, type Resource } from "../../control/xds/resource.ts";
import { waitFor } from "../support/envoy.ts";
import { ask, type Question } from "../support/load.ts";
import { atStrike, MODULE } from "../support/stage.ts";
import { GATEWAY, type Mesh, type MeshOptions } from "./mesh.ts";

type Headers = NonNullable<Question["headers"]>;
/** Above the cut of `someTable`. */
export const TAGGED: Headers = [["x-score", "4000"]];

export const optionsOf = (given: Partial<IstioOptions>): IstioOptions => ({
  ...DEFAULT_OPTIONS,
  namespace: "default",
  workload: GATEWAY,
  ...given,
});

export const filterOf = buildEnvoyFilter;

/** The application that answered, or the status when none did; 0 without a connection. */
export async function upstreamOf(mesh: Mesh, headers: Headers): Promise<string | number> {
  const { status, headers: got } = await ask(mesh.port, { headers });
  return status === 200 ? String(got["x-upstream"]) : status;
}

export async function waitForUpstream(
  mesh: Mesh,
  name: string,
  headers: Headers,
  timeoutMs = 10_000,
): Promise<void> {
  const look = async () => ((await upstreamOf(mesh, headers)) === name ? true : null);
  await waitFor(`an answer of ${name}`, look, timeoutMs).catch(async (thrown) => {
    const stats = await mesh.readAdmin("/stats?filter=wasm|limen.(config|update)|lds.update");
    throw new Error(`no answer of ${name}\n${stats}`, { cause: thrown });
  });
}

/** One line of figures, in milliseconds. */
export function print(what: string, figures: Readonly<Record<string, number>>): void {
  const parts = Object.entries(figures).map(([key, value]) => `${key} ${Math.round(value)} ms`);
  process.stderr.write(`istio ${what}: ${parts.join(", ")}\n`);
}

/** A table beside a module that the proxy has as a file. */
export const fileResource = (table: Uint8Array): Resource =>
  buildResource({ name: FILTER_NAME, table, wasm: { path: MODULE }, vmId: FILTER_NAME });

/** Here nothing is mounted: the file lies in the agent's folder, and the filter names it there. */
export function withMountedFile(options: IstioOptions, text: string): Partial<MeshOptions> {
  const folder = mkdtempSync(join(tmpdir(), "limen-mount-"));
  atStrike(async () => rmSync(folder, { recursive: true, force: true }));
  const filter = JSON.stringify(filterOf(options)).replaceAll(MOUNT_FOLDER, folder);
  return {
    documents: [JSON.parse(filter) as Json],
    prepare: async () => writeFileSync(join(folder, MOUNTED_FILE), text),
  };
}

type Spec = { configPatches: Json[] };

/** The static cluster of the bootstrap, added by CDS instead. */
export function clusterByFilter(options: IstioOptions): Json {
  const filter = filterOf(options);
  const spec = filter["spec"] as Spec;
  const { static_resources } = buildOverride(options) as { static_resources: { clusters: Json[] } };
  const patch = { operation: "ADD", value: static_resources.clusters[0] };
  const added = { applyTo: "CLUSTER", match: { context: "GATEWAY" }, patch };
  return { ...filter, spec: { ...spec, configPatches: [...spec.configPatches, added] } };
}

/** What a reader of old recipes would write. */
export function bootstrapByFilter(options: IstioOptions): Json {
  const filter = filterOf(options);
  const clusters = [{ name: "limen_boot", type: "STATIC", connect_timeout: "1s" }];
  const patch = { operation: "MERGE", value: { static_resources: { clusters } } };
  const spec = { ...(filter["spec"] as Spec), configPatches: [{ applyTo: "BOOTSTRAP", patch }] };
  return { ...filter, spec };
}
