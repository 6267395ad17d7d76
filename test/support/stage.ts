// A whole stage for a claim: two applications, the ECDS server, and a real Envoy between them.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildResource, type Resource } from "../../control/xds/resource.ts";
import { startXdsServer, type XdsOptions, type XdsServer } from "../../control/xds/server.ts";
import { LOOPBACK, type RunningEnvoy, type StartOptions, startEnvoy, waitFor } from "./envoy.ts";
import { type RunningUpstream, startUpstream } from "./upstream.ts";

const BUILD = join(import.meta.dirname, "..", "..", "build");
export const MODULE = join(BUILD, "limen.wasm");
/** Traps on purpose (filter/build.mjs --trap). */
export const TRAP_MODULE = join(BUILD, "limen-trap.wasm");
/** Takes any configuration and ignores it (filter/build.mjs --ignore). */
export const IGNORE_MODULE = join(BUILD, "limen-ignore.wasm");

/** Builds the two test modules; those that are there and current stay. */
export async function buildTwins(): Promise<void> {
  const build = join(BUILD, "..", "filter", "build.mjs");
  await promisify(execFile)(process.execPath, [build, "--trap", "--ignore"]);
}

export const NAME = "limen";
export const FILTER = { name: NAME, vmId: "vm-1", wasmPath: MODULE, table: "xds" } as const;
/** Where requests go that carry the tag of `aTable`. */
export const TAG_ROUTE = { header: "x-limen-bot", value: "bot", upstream: "bots" };

/** A table as the resource of a filter of the stage. */
export function resourceOf(table: Uint8Array, name = NAME, module = MODULE): Resource {
  return buildResource({ name, table, wasm: { path: module }, vmId: "vm-1" });
}

type Closer = () => Promise<void>;
const closers: Closer[] = [];

/** Call it in `afterEach`: ends everything the test started, the newest first. */
export async function strikeStage(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

/** Something else that ends with the test. */
export function atStrike(close: Closer): void {
  closers.push(close);
}

export type ControlOptions = Omit<XdsOptions, "address"> & { port?: number };

/** An ECDS server of the test's own, on a free port unless one is given. */
export async function startControl(options: ControlOptions = {}): Promise<XdsServer> {
  const { port = 0, ...more } = options;
  const server = await startXdsServer({ ...more, address: `${LOOPBACK}:${port}` });
  let closing: Promise<void> | undefined;
  const close: XdsServer["close"] = (options) => {
    closing ??= server.close(options);
    return closing;
  };
  closers.push(() => close());
  return { ...server, close };
}

export async function startApplication(name: string): Promise<RunningUpstream> {
  const upstream = await startUpstream(name);
  closers.push(upstream.stop);
  return upstream;
}

export async function startProxy(options: StartOptions): Promise<RunningEnvoy> {
  const envoy = await startEnvoy(options);
  closers.push(envoy.stop);
  return envoy;
}

export type Stage = {
  envoy: RunningEnvoy;
  shop: RunningUpstream;
  bots: RunningUpstream;
  control: XdsServer;
};

/** Tagged requests go to `bots`, all others to `shop`; no table is set yet. */
export async function setStage(
  changes: Partial<StartOptions> = {},
  controlOptions: ControlOptions = {},
): Promise<Stage> {
  const shop = await startApplication("shop");
  const bots = await startApplication("bots");
  const control = await startControl(controlOptions);
  const envoy = await startProxy({
    upstreams: [shop, bots],
    tagRoutes: [TAG_ROUTE],
    defaultUpstream: "shop",
    filters: [FILTER],
    xds: { host: LOOPBACK, port: control.port },
    ...changes,
  });
  return { envoy, shop, bots, control };
}

/** Sets the target and waits until every proxy that asks for it has ACKed it. */
export async function push(
  control: XdsServer,
  resource: Resource,
  options: { ttlMs?: number | null } = {},
): Promise<void> {
  control.setTarget(resource.name, resource, options);
  await waitForAck(control, resource);
}

export async function waitForAck(control: XdsServer, resource: Resource): Promise<void> {
  const look = (): true | null => {
    const rows = control.proxies().filter((row) => row.resource === resource.name);
    const acked = rows.filter((row) => row.acked?.digest === resource.digest);
    return rows.length > 0 && acked.length === rows.length ? true : null;
  };
  await waitFor(`the ACK of ${resource.digest}`, look, 10_000, 1);
}

export async function waitForNack(control: XdsServer, resource: Resource): Promise<string> {
  return waitFor(`the NACK of ${resource.digest}`, () => {
    const row = control.proxies().find((each) => each.nacked?.digest === resource.digest);
    return row?.nacked?.message ?? null;
  });
}
