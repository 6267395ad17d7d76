// Envoy's resources as files: listeners, clusters, and the filter's table by ECDS.
import { renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stringify } from "yaml";
import {
  type BootstrapOptions,
  buildControlClusters,
  buildHead,
  buildListeners,
  buildUpstreams,
} from "./bootstrap.ts";
import { buildFileSource, buildWasm, type FilterSource } from "./http-filters.ts";
import { type Json, typed } from "./json.ts";

const EXTENSION = "envoy.config.core.v3.TypedExtensionConfig";
const LISTENER = "envoy.config.listener.v3.Listener";
const CLUSTER = "envoy.config.cluster.v3.Cluster";

/** A file of resources: what an xDS service would answer with. */
function answer(resources: readonly Json[], version: string): Json {
  return { version_info: version, resources };
}

/** The ECDS answer that gives a filter its table; put it where the filter's `table.path` says. */
export function buildTableFile(
  filter: Omit<FilterSource, "table">,
  table: Uint8Array,
  version: string,
): Json {
  const config = { name: filter.name, typed_config: buildWasm(filter, table) };
  return answer([typed(EXTENSION, config)], version);
}

export type DynamicFiles = { bootstrap: Json; listeners: Json; clusters: Json };

/**
 * A bootstrap that takes listeners and application clusters from two files of a folder, as the
 * proxy sees it. The clusters of control stay in the bootstrap.
 */
export function buildDynamic(options: BootstrapOptions, folder: string): DynamicFiles {
  const source = (file: string): Json => buildFileSource({ path: `${folder}/${file}`, folder });
  const ofType = (type: string, all: readonly Json[]): Json =>
    answer(
      all.map((each) => typed(type, each)),
      "1",
    );
  return {
    bootstrap: {
      ...buildHead(options),
      dynamic_resources: {
        lds_config: source("listeners.yaml"),
        cds_config: source("clusters.yaml"),
      },
      static_resources: { clusters: buildControlClusters(options) },
    },
    listeners: ofType(LISTENER, buildListeners(options)),
    clusters: ofType(CLUSTER, buildUpstreams(options)),
  };
}

/** As people keep it in a file; each part written out where it is used. */
export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 100, aliasDuplicateObjects: false });
}

/** Puts a file in place whole: Envoy looks only when one is moved there, and never sees half. */
export function moveIntoPlace(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(beside, text);
  renameSync(beside, path);
}
