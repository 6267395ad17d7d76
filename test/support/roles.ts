// Roles apart as an operator starts them: `limen run ROLE -f FILE`, each a process of its own, on
// one Kafka, with real Envoys before them.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { StatusView } from "../../control/api/views.ts";
import { type Child, startChild, waitForChild } from "../../control/demo/child.ts";
import { preferPort } from "../../control/demo/ports.ts";
import { findOnPath } from "../../control/envoy/probe.ts";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog } from "../../control/events/log.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";
import { type MakeOptions, makeTopics, type TestKafka } from "./broker.ts";
import { LOOPBACK, waitFor } from "./envoy.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const LIMEN = join(CHECKOUT, "control/cli/limen.js");
const BOT = join(CHECKOUT, "models/bot");
/** 2 s when nothing else runs; a broker that is away takes 8 s to be believed. */
const READY_MS = 60_000;
const READY_LINE = "serving ";
const STATUS_MS = 2_000;

// Half of a start is the reading of modules, and a stage starts many.
process.env["NODE_COMPILE_CACHE"] ??= join(CHECKOUT, ".cache/compiled");

export type RoleName = "collect" | "learn" | "serve";

export type RoleProcess = {
  readonly role: RoleName;
  readonly name: string;
  /** Of its gRPC listener and of its HTTP API; the same after a restart. */
  readonly xdsPort: number;
  readonly httpPort: number;
  pid(): number;
  isUp(): boolean;
  /** What it said, over all its lives. */
  readLog(): string;
  status(): Promise<StatusView>;
  /** Posts to its API; throws when the answer is no 2xx. */
  post<Answer>(path: string, body: unknown): Promise<Answer>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again on its ports; resolves when it serves, unless told not to wait. */
  restart(): Promise<void>;
};

export type Roles = {
  readonly folder: string;
  readonly kafka: TestKafka;
  readonly kafkaSettings: KafkaSettings;
  /** The log as this process reads it. */
  readonly log: EventLog;
  readonly running: readonly RoleProcess[];
  start(role: RoleName): Promise<RoleProcess>;
  of(role: RoleName): RoleProcess[];
  /** The learner that decides by its own word; null while there is none. */
  findDecider(): Promise<RoleProcess | null>;
  close(): Promise<void>;
};

/** On Linux the kernel kills it with this process, however that ends. */
function tieToThis(): readonly [string, readonly string[]] {
  const setpriv = process.platform === "linux" ? findOnPath("setpriv", process.env) : null;
  if (setpriv === null) return [process.execPath, []];
  return [setpriv, ["--pdeathsig", "KILL", process.execPath]];
}

type Place = { role: RoleName; name: string; folder: string; file: string };

async function startOnce({ role, name, folder, file }: Place): Promise<Child> {
  const logFile = join(folder, `${name}.log`);
  writeFileSync(logFile, "", { flag: "a" });
  const from = statSync(logFile).size;
  const [program, before] = tieToThis();
  const child = startChild({
    name,
    file: program,
    args: [...before, LIMEN, "run", role, "-f", file],
    cwd: folder,
    logFile,
  });
  const isReady = async (): Promise<boolean> =>
    readFileSync(logFile).subarray(from).includes(READY_LINE);
  try {
    await waitForChild(child, isReady, READY_MS);
  } catch (thrown) {
    await child.kill();
    throw thrown;
  }
  return child;
}

async function call<Answer>(port: number, path: string, body?: unknown): Promise<Answer> {
  const post = { method: "POST", body: JSON.stringify(body) };
  const reply = await fetch(`http://${LOOPBACK}:${port}${path}`, {
    ...(body !== undefined && { ...post, headers: { "content-type": "application/json" } }),
    signal: AbortSignal.timeout(body === undefined ? STATUS_MS : 5 * STATUS_MS),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${path}: ${reply.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

/** Below those that systems give to outgoing connections: one of those could have the port while
 * its owner is away. */
const [PORT_MIN, PORT_MAX] = [12_000, 32_000];

async function findPort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if ((await preferPort(port)) === port) return port;
  }
}

async function startRole(
  place: Omit<Place, "file">,
  settings: Record<string, unknown>,
): Promise<RoleProcess> {
  const { role, name, folder } = place;
  const [xdsPort, httpPort] = [await findPort(), await findPort()];
  const listen = { xds: `${LOOPBACK}:${xdsPort}`, http: `${LOOPBACK}:${httpPort}` };
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, stringify({ ...settings, listen }));
  let child = await startOnce({ ...place, file });
  return {
    role,
    name,
    xdsPort,
    httpPort,
    pid: () => child.pid,
    isUp: () => !child.ended(),
    readLog: () => readFileSync(child.logFile, "utf8"),
    status: () => call<StatusView>(httpPort, "/v1/status"),
    post: (path, body) => call(httpPort, path, body),
    signal: (signal) => void process.kill(child.pid, signal),
    kill9: () => child.kill(),
    stop: () => child.stop(),
    restart: async () => {
      await child.kill();
      child = await startOnce({ ...place, file });
    },
  };
}

export type RolesOptions = MakeOptions & {
  /** Before the names of topics: another one for each stage on a broker. */
  prefix: string;
  /** Keys of limen.yaml besides log, models and listeners. */
  settings?: Record<string, unknown>;
};

const decides = async (one: RoleProcess): Promise<boolean> => {
  if (one.role !== "learn" || !one.isUp()) return false;
  return (await one.status()).models.length > 0;
};

/** Topics and a folder for processes; none of them runs yet. */
export async function openRoles(kafka: TestKafka, options: RolesOptions): Promise<Roles> {
  const { prefix, settings = {}, ...make } = options;
  const kafkaSettings = kafka.settingsOf(prefix);
  await makeTopics(kafkaSettings, { partitions: 3, ...make });
  const log = await openKafkaLog(kafkaSettings);
  const folder = mkdtempSync(join(tmpdir(), "limen-roles-"));
  const running: RoleProcess[] = [];
  const counts = { collect: 0, learn: 0, serve: 0 };
  const given = {
    limen: 1,
    models: [BOT],
    log: `kafka://${kafka.brokers.join(",")}`,
    kafka: { prefix },
    ...settings,
  };
  return {
    folder,
    kafka,
    kafkaSettings,
    log,
    running,
    async start(role) {
      const name = `${role}-${++counts[role]}`;
      const started = await startRole({ role, name, folder }, given);
      running.push(started);
      return started;
    },
    of: (role) => running.filter((one) => one.role === role),
    async findDecider() {
      for (const one of running) if (await decides(one).catch(() => false)) return one;
      return null;
    },
    async close() {
      await Promise.all(running.map((one) => one.kill9()));
      await log.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The learner that decides, once there is one. */
export const waitForDecider = (roles: Roles): Promise<RoleProcess> =>
  waitFor("a learner that decides", () => roles.findDecider(), READY_MS, 200);
