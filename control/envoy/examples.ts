// Writes the example bootstraps of envoy/: `npx node control/envoy/examples.ts`.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeTable } from "../table/encode.ts";
import type { Table } from "../table/table.ts";
import { type BootstrapOptions, buildBootstrap } from "./bootstrap.ts";
import { buildDynamic, buildTableFile, writeYaml } from "./files.ts";
import type { Json } from "./json.ts";

const LOOPBACK = "127.0.0.1";

/** Tags requests whose user agent names a script; the half of the range is the cut. */
const BY_USER_AGENT: Table = {
  serial: 1,
  audit: 0,
  extra: 0,
  extraWidth: 0,
  candidate: 0,
  vector: 0,
  salt: 1n,
  tokenKey: new Uint8Array(16),
  trustMesh: false,
  token: false,
  record: true,
  features: [
    {
      name: "script",
      of: "header:user-agent",
      is: "contains",
      any: ["bot", "curl/", "python", "okhttp"],
      fold: true,
    },
  ],
  models: [
    {
      name: "bot",
      slots: [{ feature: 0, nan: "keep" }],
      kernel: { kind: "linear", weights: [[1]] },
      base: [0],
      output: "identity",
      class: 0,
      lo: 0,
      hi: 1,
      tags: [{ header: "x-limen-bot", value: "bot" }],
      modes: ["tag"],
      cuts: [[2048]],
    },
  ],
  segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
  exempt: [],
  ignored: [],
};

const FILTER = { name: "limen", vmId: "limen", wasmPath: "build/limen.wasm" };
const BASE = {
  node: { id: "proxy-1", cluster: "shop" },
  admin: { host: LOOPBACK, port: 9901 },
  listener: { host: LOOPBACK, port: 10000 },
  upstreams: [
    { name: "shop", address: { host: LOOPBACK, port: 8081 } },
    { name: "bots", address: { host: LOOPBACK, port: 8082 } },
  ],
  tagRoutes: [{ header: "x-limen-bot", value: "bot", upstream: "bots" }],
  defaultUpstream: "shop",
} satisfies Omit<BootstrapOptions, "filters">;
const CONTROL = { host: LOOPBACK, port: 18000 };

const BY_SERVICE = {
  ...BASE,
  filters: [{ ...FILTER, table: "xds" }],
  xds: CONTROL,
  accessLog: CONTROL,
  labelHeader: "x-limen-label",
} satisfies BootstrapOptions;
/** Seen from the folder in which Envoy is started, as the module is. */
const TABLE_FILE = { path: "envoy/file/table.yaml", folder: "envoy/file" };

/** Envoy checks the clusters that a listener names when it reads the listener, and not later. */
const ORDER = `A route to a new cluster: move clusters.yaml, wait until "curl 127.0.0.1:9901/clusters" names the
# cluster, then move listeners.yaml. Too early it is refused (listener_manager.lds.update_rejected),
# the last listener serves on, and Envoy tries again only when a file is moved there again.`;

type Example = { file: string; says: string; value: Json };

function listExamples(): Example[] {
  const table = encodeTable(BY_USER_AGENT);
  const dynamic = buildDynamic(BY_SERVICE, "envoy/lds");
  const fixed = { ...BASE, filters: [{ ...FILTER, table }] };
  const byFile = { ...BASE, filters: [{ ...FILTER, table: TABLE_FILE }] };
  return [
    {
      file: "xds.yaml",
      says: "Limen with a control service on port 18000: tables by ECDS, decisions by the access log, labels by the response header x-limen-label.",
      value: buildBootstrap(BY_SERVICE),
    },
    {
      file: "static.yaml",
      says: "Limen with a fixed table and no control service: tags user agents that name a script.",
      value: buildBootstrap(fixed),
    },
    {
      file: "lds.yaml",
      says: `As xds.yaml, with listeners and application clusters out of the files in envoy/lds.\n# ${ORDER}`,
      value: dynamic.bootstrap,
    },
    {
      file: "lds/listeners.yaml",
      says: "Listeners of envoy/lds.yaml, which says in which order the two files are to be moved.",
      value: dynamic.listeners,
    },
    {
      file: "lds/clusters.yaml",
      says: "Clusters of the applications of envoy/lds.yaml; move a new one here before the listener.",
      value: dynamic.clusters,
    },
    {
      file: "file.yaml",
      says: "Limen with its table in the file envoy/file/table.yaml, and no control service.",
      value: buildBootstrap(byFile),
    },
    {
      file: "file/table.yaml",
      says: 'The table of envoy/file.yaml, as "limen table --ecds" writes one: tags user agents that name a script.',
      value: buildTableFile(FILTER, table, "1"),
    },
  ];
}

/** File names below envoy/ and what belongs into them. */
export function buildExamples(): Readonly<Record<string, string>> {
  const texts = listExamples().map(({ file, says, value }) => {
    const head = `# ${says}\n# Written by control/envoy/examples.ts; envoy/README.md says how.\n`;
    return [file, head + writeYaml(value)];
  });
  return Object.fromEntries(texts);
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, "..", "..", "envoy");
  for (const [file, text] of Object.entries(buildExamples())) {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
