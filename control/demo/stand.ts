import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ResolvedEnvoy, resolveEnvoy } from "../envoy/resolve.ts";
import { LimenError } from "../errors.ts";
import { explainBuild, INSTALLATION } from "../installation.ts";
import { type Control, startControl } from "./control.ts";
import { openDemoLog } from "./event-log.ts";
import { type Closers, openFolder } from "./folder.ts";
import type { DemoOptions } from "./plan.ts";
import { claimPort, findFreePort, HOST, preferPort } from "./ports.ts";
import { type RunningEnvoy, startProxy } from "./proxy.ts";
import { writeSettings } from "./settings-file.ts";
import { LABEL_HEADER, type LabelOf, startUpstream } from "./upstreams.ts";

/** Everything the demo starts: two upstreams, the control service, one Envoy. */
export type Stand = {
  envoy: ResolvedEnvoy;
  control: Control;
  proxy: RunningEnvoy;
  wasmBytes: number;
};

export const WASM = join(INSTALLATION.root, "build", "limen.wasm");
export const MODEL = join(INSTALLATION.root, "models", "bot");
/** A person at a terminal finds the services where the documentation says. */
const USUAL = { proxy: 10_000, http: 18_001, xds: 18_000 } as const;
const FLUSH_MS = 100;

/** Bytes of the built filter; throws "missing" when there is none. */
export function checkFilter(): number {
  if (existsSync(WASM)) return statSync(WASM).size;
  throw new LimenError("missing", `${WASM}: is not there; ${explainBuild(INSTALLATION)}`);
}

async function choosePorts(options: Pick<DemoOptions, "port" | "once">) {
  const usual = options.once ? findFreePort : preferPort;
  const proxy = options.port === null ? await usual(USUAL.proxy) : await claimPort(options.port);
  return { proxy, http: await usual(USUAL.http), xds: await usual(USUAL.xds) };
}

/** Starts all parts and registers how each one is stopped. */
export async function startStand(
  options: DemoOptions,
  labelOf: LabelOf,
  closers: Closers,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Stand> {
  const wasmBytes = checkFilter();
  const envoy = await resolveEnvoy();
  const ports = await choosePorts(options);
  const folder = openFolder(closers);
  const shop = await startUpstream("shop", labelOf);
  closers.add(shop.close);
  const robots = await startUpstream("robots", labelOf);
  closers.add(robots.close);

  const file = join(folder, "limen.yaml");
  const lines = await openDemoLog(options.log, folder, closers, say);
  writeFileSync(file, writeSettings(MODEL, ports.xds, ports.http, lines));
  const server = `http://${HOST}:${ports.http}`;
  const control = await startControl(folder, file, server, signal);
  closers.add(control.stop);

  const xds = { host: HOST, port: ports.xds };
  const proxy = await startProxy(
    envoy,
    folder,
    ports.proxy,
    {
      upstreams: [shop, robots].map(({ name, port }) => ({ name, address: { host: HOST, port } })),
      tagRoutes: [{ header: "x-limen-bot", value: "bot", upstream: "robots" }],
      defaultUpstream: "shop",
      filters: [{ name: "limen", vmId: "limen", wasmPath: WASM, table: "xds" }],
      xds,
      accessLog: xds,
      accessLogFlushMs: FLUSH_MS,
      labelHeader: LABEL_HEADER,
    },
    signal,
  );
  closers.add(proxy.child.stop);
  return { envoy, control, proxy, wasmBytes };
}

/** Bytes of the table Envoy runs, read from its own configuration dump; null without one. */
export async function readTableBytes(adminUrl: URL): Promise<number | null> {
  const text = await (await fetch(new URL("/config_dump?resource=ecds_filters", adminUrl))).text();
  const value = /"configuration":\s*\{[^}]*"value":\s*"([A-Za-z0-9+/=]*)"/.exec(text)?.[1];
  return value === undefined ? null : Buffer.from(value, "base64").length;
}
