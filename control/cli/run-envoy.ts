// `limen run --envoy`: one Envoy for local work beside the service.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { StatusView } from "../api/views.ts";
import { type Closers, openClosers, openFolder } from "../demo/folder.ts";
import { HOST, preferPort } from "../demo/ports.ts";
import { checkFilter, WASM } from "../demo/stand.ts";
import { type Address, type BootstrapOptions, buildBootstrap } from "../envoy/bootstrap.ts";
import { startEcho } from "../envoy/echo.ts";
import { type ResolvedEnvoy, resolveEnvoy } from "../envoy/resolve.ts";
import { LimenError } from "../errors.ts";
import { addressOption, parseAddress, writeAddress } from "./address.ts";
import { callService } from "./client.ts";

export type EnvoyFlags = { envoy?: boolean; envoyListen: Address; upstream?: Address };
type LocalEnvoy = {
  /** Resolves with what to say when Envoy ends by itself. */
  ended: Promise<string>;
  close(): Promise<void>;
};
type Addresses = { xds: string; http: string };

const LISTEN: Address = { host: HOST, port: 10_000 };
const ADMIN_PORT = 9_901;
/** A cold binary of 100 MB on a busy disk takes seconds. */
const READY_MS = 30_000;
const STOP_MS = 5_000;
/** So that `explain last` knows a request soon after it was made. */
const FLUSH_MS = 100;
const USUAL_SERVER = "127.0.0.1:18001";

/** The options of `run` that speak of Envoy. */
export function addEnvoyFlags(command: Command): void {
  command
    .option("--envoy", "also start one Envoy, for local work")
    .addOption(addressOption("--envoy-listen", "where that Envoy listens", LISTEN))
    .addOption(addressOption("--upstream", "where it sends requests; else a built-in echo"));
}

/** Without an upstream of the person's own two echoes show what arrives, and where. */
async function chooseUpstreams(flags: EnvoyFlags, service: Addresses, closers: Closers) {
  if (flags.upstream) {
    const upstreams = [{ name: "upstream", address: flags.upstream }];
    return { upstreams, tagRoutes: [], defaultUpstream: "upstream" };
  }
  const app = await startEcho("app");
  closers.add(app.close);
  const tagged = await startEcho("tagged");
  closers.add(tagged.close);
  const { models } = await callService<StatusView>(`http://${service.http}`, "/v1/status");
  const tagRoutes = models.flatMap(({ name, segments }) =>
    Object.keys(segments[0]?.cuts ?? {}).map((value) => ({
      header: `x-limen-${name}`,
      value,
      upstream: "tagged",
    })),
  );
  return { upstreams: [app, tagged], tagRoutes, defaultUpstream: "app" };
}

async function claimAddress(listen: Address): Promise<void> {
  if ((await preferPort(listen.port)) === listen.port) return;
  throw new LimenError(
    "unavailable",
    `${writeAddress(listen)} is taken; stop the program that has it, or give another by --envoy-listen`,
  );
}

function watch(child: ChildProcess) {
  const over = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`Envoy did not start: ${error.message}`));
    child.once("exit", (code, signal) => {
      resolve(`Envoy ended (${signal ?? `exit code ${code}`}); what it said stands above`);
    });
  });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (isOver()) return;
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.kill("SIGTERM");
    await over;
    clearTimeout(late);
  };
  return { over, isOver, stop };
}

async function isReady(adminPort: number): Promise<boolean> {
  return fetch(`http://${HOST}:${adminPort}/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function startProcess(
  envoy: ResolvedEnvoy,
  folder: string,
  bootstrap: BootstrapOptions,
): Promise<ReturnType<typeof watch>> {
  const file = join(folder, "envoy.json");
  writeFileSync(file, JSON.stringify(buildBootstrap(bootstrap)));
  const args = ["-c", file, "-l", "warning", "--skip-deprecated-logs", "--disable-hot-restart"];
  const child = watch(
    spawn(envoy.path, [...args, "--concurrency", "1"], { stdio: ["ignore", "inherit", "inherit"] }),
  );
  const until = performance.now() + READY_MS;
  while (!(await isReady(bootstrap.admin.port))) {
    const isLate = performance.now() > until;
    if (isLate || child.isOver()) {
      await child.stop();
      const why = isLate ? `Envoy is not ready after ${READY_MS / 1000} s` : await child.over;
      throw new LimenError("unavailable", why);
    }
    await sleep(50);
  }
  return child;
}

/** What a person at the terminal may do now. */
function describeTry(flags: EnvoyFlags, { http }: Addresses): string[] {
  const url = `http://${writeAddress(flags.envoyListen)}/`;
  const server = http === USUAL_SERVER ? "" : ` --server http://${http}`;
  return [
    `try  curl -s -A python-requests/2.32 ${url}`,
    flags.upstream
      ? `     ${writeAddress(flags.upstream)} gets the tag as a header x-limen-...; no route looks at it`
      : "     the answer shows the headers that arrived; tagged requests arrive at another upstream",
    `     limen apply --set bot.mode=tag${server}     (until then the model is in shadow)`,
    `     limen explain last${server}`,
  ];
}

/** Starts it and says how to try it; throws before anything is left running. */
async function startLocalEnvoy(
  service: Addresses,
  flags: EnvoyFlags,
  say: (line: string) => void,
): Promise<LocalEnvoy> {
  const closers = openClosers();
  try {
    checkFilter();
    const envoy = await resolveEnvoy();
    await claimAddress(flags.envoyListen);
    const admin = { host: HOST, port: await preferPort(ADMIN_PORT) };
    const xds = parseAddress(service.xds);
    const child = await startProcess(envoy, openFolder(closers), {
      ...(await chooseUpstreams(flags, service, closers)),
      node: { id: "local-1", cluster: "local" },
      admin,
      listener: flags.envoyListen,
      filters: [{ name: "limen", vmId: "limen", wasmPath: WASM, table: "xds" }],
      xds,
      accessLog: xds,
      accessLogFlushMs: FLUSH_MS,
      labelHeader: "x-limen-label",
    });
    closers.add(child.stop);
    say(
      `Envoy ${envoy.version} on ${writeAddress(flags.envoyListen)}, admin on ${writeAddress(admin)}`,
    );
    for (const line of describeTry(flags, service)) say(line);
    return { ended: child.over, close: closers.closeAll };
  } catch (thrown) {
    await closers.closeAll();
    throw thrown;
  }
}

/**
 * Waits for the signal that ends the service, with an Envoy beside it where asked for; an Envoy that
 * ends by itself ends the service too, and is thrown as "unavailable".
 */
export async function runBeside(
  service: Addresses,
  flags: EnvoyFlags,
  signalled: Promise<string>,
): Promise<void> {
  const say = (line: string): void => console.error(line);
  const envoy = flags.envoy ? await startLocalEnvoy(service, flags, say) : null;
  const signal = signalled.then((name) => ({ name, why: null }));
  const ended = envoy?.ended.then((why) => ({ name: null, why }));
  const { name, why } = await Promise.race(ended ? [signal, ended] : [signal]);
  if (name !== null) say(`${name}: draining`);
  await envoy?.close();
  if (why !== null) throw new LimenError("unavailable", why);
}
