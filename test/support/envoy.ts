// Starts a real Envoy for a test, on ports the system chooses, and reads what it says of itself.
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { it } from "vitest";
import { type BootstrapOptions, buildBootstrap } from "../../control/envoy/bootstrap.ts";
import { resolveEnvoy } from "../../control/envoy/resolve.ts";
import { passBy } from "./pass-by.ts";

export const LOOPBACK = "127.0.0.1";
const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;

export type StartOptions = Omit<
  BootstrapOptions,
  "admin" | "listener" | "node" | "moreListeners"
> & {
  node?: BootstrapOptions["node"];
  /** The filters of a second listener. */
  secondFilters?: BootstrapOptions["filters"];
  /** Worker threads; 1 unless said. */
  workers?: number;
  logLevel?: "info" | "debug" | "warning";
  /** Another bootstrap than buildBootstrap's; files it needs go into the folder. */
  arrange?: (options: BootstrapOptions, folder: string) => object;
};

export type RunningEnvoy = {
  pid: number;
  port: number;
  /** Of the second listener; 0 without one. */
  secondPort: number;
  adminPort: number;
  /** Statistics whose names match the pattern, as numbers. */
  readStats(pattern: string): Promise<Readonly<Record<string, number>>>;
  /** A page of the admin interface. */
  readAdmin(path: string): Promise<string>;
  /** Resident memory in bytes (Linux). */
  readResident(): number;
  readLog(): string;
  isRunning(): boolean;
  stop(): Promise<void>;
};

let found: Promise<string | null> | undefined;

/** The Envoy for tests; null when there is none, with the reason printed once. */
export function findEnvoy(): Promise<string | null> {
  found ??= resolveEnvoy().then(
    ({ path }) => path,
    (thrown: Error) => {
      passBy(`a real Envoy: ${thrown.message}`);
      return null;
    },
  );
  return found;
}

/** A claim about a real Envoy; passed by with a line where there is none. */
export function itOnEnvoy(claim: string, test: () => Promise<void>, timeoutMs?: number): void {
  it(
    claim,
    async () => {
      if (await findEnvoy()) await test();
    },
    timeoutMs,
  );
}

/** Asks until the answer is not null; the last error or `what` is thrown after the time. */
export async function waitFor<Answer>(
  what: string,
  ask: () => Promise<Answer | null> | Answer | null,
  timeoutMs = 10_000,
  pauseMs = 20,
): Promise<Answer> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (thrown) {
      last = thrown;
    }
    await sleep(pauseMs);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: last });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

type Listeners = {
  listener_statuses?: {
    name: string;
    local_address: { socket_address: { port_value: number } };
  }[];
};

async function readAdmin(adminPort: number, path: string): Promise<string> {
  const reply = await fetch(`http://${LOOPBACK}:${adminPort}${path}`);
  if (!reply.ok) throw new Error(`admin ${path}: ${reply.status}`);
  return reply.text();
}

type Ports = Pick<RunningEnvoy, "adminPort" | "port" | "secondPort">;

async function readPorts(addressFile: string): Promise<Ports> {
  const adminPort = Number(readFileSync(addressFile, "utf8").split(":").at(-1));
  await readAdmin(adminPort, "/ready");
  const { listener_statuses } = JSON.parse(
    await readAdmin(adminPort, "/listeners?format=json"),
  ) as Listeners;
  const portOf = (listener: string): number =>
    listener_statuses?.find(({ name }) => name === listener)?.local_address.socket_address
      .port_value ?? 0;
  if (portOf("limen") === 0) throw new Error("no listener yet");
  return { adminPort, port: portOf("limen"), secondPort: portOf("limen_2") };
}

function parseStats(text: string): Record<string, number> {
  const lines = text.split("\n").map((line) => /^(.+): (\d+)$/.exec(line));
  return Object.fromEntries(lines.flatMap((m) => (m ? [[m[1] ?? "", Number(m[2])]] : [])));
}

function readResident(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}

async function spawnEnvoy(options: StartOptions, folder: string): Promise<ChildProcess> {
  const path = await findEnvoy();
  if (!path) throw new Error("no Envoy: ask findEnvoy first");
  const any = { host: LOOPBACK, port: 0 };
  const node = options.node ?? { id: "test-1", cluster: "test" };
  const { secondFilters, arrange = buildBootstrap, ...rest } = options;
  const moreListeners = secondFilters ? [{ address: any, filters: secondFilters }] : [];
  const whole = { ...rest, node, admin: any, listener: any, moreListeners };
  const bootstrap = arrange(whole, folder);
  const config = join(folder, "bootstrap.json");
  await writeFile(config, JSON.stringify(bootstrap));
  const args = [
    "-c",
    config,
    "--admin-address-path",
    join(folder, "admin"),
    "--disable-hot-restart",
  ];
  const more = ["--concurrency", String(options.workers ?? 1), "-l", options.logLevel ?? "warning"];
  const log = openSync(join(folder, "log"), "w");
  return spawn(path, [...args, ...more], { stdio: ["ignore", log, log] });
}

/** A real Envoy that is ready to serve. Stop it in `afterEach` or `using`-like code of the test. */
export async function startEnvoy(options: StartOptions): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), "limen-envoy-"));
  const child = await spawnEnvoy(options, folder);
  const readLog = (): string => readFileSync(join(folder, "log"), "utf8");
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const stop = async (): Promise<void> => {
    await stopChild(child);
    await rm(folder, { recursive: true, force: true });
  };
  const ask = async () => (isRunning() ? readPorts(join(folder, "admin")) : "ended");
  const ports = await waitFor("Envoy to be ready", ask, READY_TIMEOUT_MS).catch(async (thrown) => {
    const log = readLog();
    await stop();
    throw new Error(`Envoy did not start:\n${log.slice(-4000)}`, { cause: thrown });
  });
  if (typeof ports === "string") {
    const log = readLog();
    await stop();
    throw new Error(`Envoy ended at its start:\n${log.slice(-4000)}`);
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    ...ports,
    readStats: async (pattern) => {
      const path = `/stats?filter=${encodeURIComponent(pattern)}`;
      return parseStats(await readAdmin(ports.adminPort, path));
    },
    readAdmin: (path) => readAdmin(ports.adminPort, path),
    readResident: () => readResident(pid),
    readLog,
    isRunning,
    stop,
  };
}
