// Writes the example bootstraps of envoy/: `npx node control/envoy/examples.ts`.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { encodeTable } from "../table/encode.ts";
import type { Table } from "../table/table.ts";
import { type BootstrapOptions, buildBootstrap } from "./bootstrap.ts";

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

type Example = { file: string; says: string; options: BootstrapOptions };

const EXAMPLES: readonly Example[] = [
  {
    file: "xds.yaml",
    says: "Limen with a control service on port 18000: tables by ECDS, decisions by the access log, labels by the response header x-limen-label.",
    options: {
      ...BASE,
      filters: [{ ...FILTER, table: "xds" }],
      xds: CONTROL,
      accessLog: CONTROL,
      labelHeader: "x-limen-label",
    },
  },
  {
    file: "static.yaml",
    says: "Limen with a fixed table and no control service: tags user agents that name a script.",
    options: { ...BASE, filters: [{ ...FILTER, table: encodeTable(BY_USER_AGENT) }] },
  },
];

/** File names of envoy/ and what belongs into them. */
export function buildExamples(): Readonly<Record<string, string>> {
  const texts = EXAMPLES.map(({ file, says, options }) => {
    const yaml = stringify(buildBootstrap(options), {
      lineWidth: 100,
      aliasDuplicateObjects: false,
    });
    return [
      file,
      `# ${says}\n# Written by control/envoy/examples.ts; envoy/README.md says how.\n${yaml}`,
    ];
  });
  return Object.fromEntries(texts);
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, "..", "..", "envoy");
  for (const [file, text] of Object.entries(buildExamples()))
    writeFileSync(join(folder, file), text);
}
