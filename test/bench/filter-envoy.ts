/** One Envoy with a listener a variant, each answering by itself, and the CPU time it takes. */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCpuMs } from "../../control/demo/cpu.ts";
import { type Json, typed } from "../../control/envoy/json.ts";
import { resolveEnvoy } from "../../control/envoy/resolve.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";

/** Answers the same, and says which tag the request had by then. */
export const CHECK_PATH = "/check";
export const SAW_HEADER = "x-saw-tag";

export type Listening = { name: string; httpFilters: readonly Json[]; early?: Json };

const MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const any = { socket_address: { address: LOOPBACK, port_value: 0 } };

function routes(): Json[] {
  const direct = { direct_response: { status: 200, body: { inline_string: "ok" } } };
  const header = { key: SAW_HEADER, value: "%REQ(x-limen-bot)%" };
  return [
    { match: { path: CHECK_PATH }, ...direct, response_headers_to_add: [{ header }] },
    { match: { prefix: "/" }, ...direct },
  ];
}

function listener({ name, httpFilters, early }: Listening): Json {
  const manager = typed(MANAGER, {
    stat_prefix: name,
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: routes() }] },
    ...(early ? { early_header_mutation_extensions: [early] } : {}),
    http_filters: httpFilters,
  });
  const filter = { name: "envoy.filters.network.http_connection_manager", typed_config: manager };
  return { name, address: any, filter_chains: [{ filters: [filter] }] };
}

export type BenchEnvoy = {
  version: string;
  portOf(name: string): number;
  /** Milliseconds of CPU of the whole process so far, all its threads. */
  readCpu(): number;
  cpuSource: string;
  readStats(pattern: string): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
};

/** Run time of every thread in nanoseconds; first field of /proc/PID/task/TID/schedstat. */
function readSchedule(pid: number): number | null {
  const folder = `/proc/${pid}/task`;
  try {
    const times = readdirSync(folder).map((task) =>
      Number(readFileSync(join(folder, task, "schedstat"), "utf8").split(" ")[0]),
    );
    return times.reduce((sum, time) => sum + time, 0) / 1e6;
  } catch {
    return null;
  }
}

function openCpu(pid: number): Pick<BenchEnvoy, "readCpu" | "cpuSource"> {
  const fine = (readSchedule(pid) ?? 0) > 0;
  return {
    cpuSource: fine ? "schedstat of every thread (ns)" : "user and system time (10 ms)",
    readCpu: () => (fine ? readSchedule(pid) : readCpuMs(pid)) ?? Number.NaN,
  };
}

async function readAdmin(port: number, path: string): Promise<string> {
  const reply = await fetch(`http://${LOOPBACK}:${port}${path}`);
  if (!reply.ok) throw new Error(`admin ${path}: ${reply.status}`);
  return reply.text();
}

type Ports = { admin: number; ports: ReadonlyMap<string, number> };
type Listeners = {
  listener_statuses?: {
    name: string;
    local_address: { socket_address: { port_value: number } };
  }[];
};

async function readPorts(file: string, count: number): Promise<Ports> {
  const admin = Number(readFileSync(file, "utf8").split(":").at(-1));
  await readAdmin(admin, "/ready");
  const { listener_statuses: all = [] } = JSON.parse(
    await readAdmin(admin, "/listeners?format=json"),
  ) as Listeners;
  if (all.length < count) throw new Error("not all listeners yet");
  const ports = all.map(
    ({ name, local_address }) => [name, local_address.socket_address.port_value] as const,
  );
  return { admin, ports: new Map(ports) };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}

/** One worker, ports of the system's choice. */
export async function startBenchEnvoy(listeners: readonly Listening[]): Promise<BenchEnvoy> {
  const { path, version } = await resolveEnvoy();
  const folder = await mkdtemp(join(tmpdir(), "limen-bench-"));
  const file = join(folder, "bootstrap.json");
  const bootstrap = {
    node: { id: "bench", cluster: "bench" },
    admin: { address: any },
    static_resources: { listeners: listeners.map(listener) },
  };
  await writeFile(file, JSON.stringify(bootstrap));
  const admin = join(folder, "admin");
  const log = openSync(join(folder, "log"), "w");
  const args = ["-c", file, "--admin-address-path", admin, "--disable-hot-restart"];
  const more = ["--concurrency", "1", "-l", "warning"];
  const child = spawn(path, [...args, ...more], { stdio: ["ignore", log, log] });
  const stop = async (): Promise<void> => {
    await stopChild(child);
    await rm(folder, { recursive: true, force: true });
  };
  const ports = await waitFor("Envoy to be ready", () => readPorts(admin, listeners.length)).catch(
    async (thrown) => {
      const said = readFileSync(join(folder, "log"), "utf8").slice(-4000);
      await stop();
      throw new Error(`Envoy did not start:\n${said}`, { cause: thrown });
    },
  );
  return {
    version,
    portOf: (name) => ports.ports.get(name) ?? 0,
    ...openCpu(child.pid ?? 0),
    readStats: async (pattern) => {
      const text = await readAdmin(ports.admin, `/stats?filter=${encodeURIComponent(pattern)}`);
      const lines = text.split("\n").map((line) => /^(.+): (\d+)$/.exec(line));
      return Object.fromEntries(lines.flatMap((m) => (m ? [[m[1] ?? "", Number(m[2])]] : [])));
    },
    stop,
  };
}
