// A real Kafka on loopback: one node, or three with replication; for tests and the demo.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild, waitForChild } from "../demo/child.ts";
import { findFreePort } from "../demo/ports.ts";
import { findOnPath, runProgram } from "../envoy/probe.ts";
import { LimenError } from "../errors.ts";
import { getKafkaJars, needProgram } from "./jars.ts";
import {
  type BrokerTls,
  listProperties,
  type NodePorts,
  type Sasl,
  writeProperties,
} from "./properties.ts";

export type KafkaOptions = {
  /** Data, properties and output of each node; a folder used before is gone on with. */
  folder: string;
  /** 1, or 3 to bear the loss of one. */
  nodes?: 1 | 3;
  tls?: BrokerTls;
  sasl?: Sasl;
  /** The port clients are sent to, when something stands before the only node. */
  advertisedPort?: number;
  /** Above the properties chosen here. */
  properties?: Readonly<Record<string, string>>;
  /** Where a node keeps its data; in its own folder unless said. */
  dataFolder?: (id: number) => string;
  cacheFolder?: string;
  env?: NodeJS.ProcessEnv;
  say?: (line: string) => void;
};

export type KafkaNode = {
  readonly address: string;
  readonly logFile: string;
  pid(): number;
  /** Whether it runs, as far as the system says. */
  isUp(): boolean;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again with its data and ports, stopping it first if need be. */
  restart(): Promise<void>;
};

export type RunningKafka = {
  /** HOST:PORT of each node. */
  readonly brokers: readonly string[];
  readonly nodes: readonly KafkaNode[];
  stop(): Promise<void>;
};

const CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg";
/** 3 s when nothing else runs, 12 s beside a compiler. */
const READY_MS = 90_000;
const FORMAT_MS = 60_000;
const READY_LINE = "Kafka Server started";
const LOG_FLAGS = [
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];

type NodeParts = {
  id: number;
  java: string;
  jars: string;
  folder: string;
  propertiesFile: string;
  address: string;
  env: NodeJS.ProcessEnv;
};

const classPath = (jars: string): readonly string[] => ["-cp", join(jars, "*")];

async function format(parts: NodeParts, sasl: Sasl | undefined): Promise<void> {
  const user = `[name=${sasl?.username},password=${sasl?.password}]`;
  const scram =
    sasl && sasl.mechanism !== "plain"
      ? ["--add-scram", `${sasl.mechanism.toUpperCase()}=${user}`]
      : [];
  const tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID];
  const args = ["-XX:TieredStopAtLevel=1", ...classPath(parts.jars), ...tool];
  const all = [...args, "-c", parts.propertiesFile, ...scram];
  const output = await runProgram(parts.java, all, parts.env, FORMAT_MS);
  if (output.code === 0) return;
  const said = `${output.stderr}${output.stdout}`.trim().split("\n").at(-1);
  throw new LimenError("unavailable", `${parts.folder}: Kafka's storage is not set up: ${said}`);
}

/** On Linux the kernel kills the broker with this process, however that ends. */
function tieToThis(java: string, env: NodeJS.ProcessEnv): readonly [string, readonly string[]] {
  const setpriv = process.platform === "linux" ? findOnPath("setpriv", env) : null;
  return setpriv === null ? [java, []] : [setpriv, ["--pdeathsig", "KILL", java]];
}

async function start(parts: NodeParts): Promise<Child> {
  const [file, before] = tieToThis(parts.java, parts.env);
  const logFile = join(parts.folder, "out.log");
  writeFileSync(logFile, "", { flag: "a" });
  const from = statSync(logFile).size;
  const child = startChild({
    name: `Kafka node ${parts.id} on ${parts.address}`,
    file,
    args: [
      ...before,
      ...["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...LOG_FLAGS,
      ...classPath(parts.jars),
      "kafka.Kafka",
      parts.propertiesFile,
    ],
    cwd: parts.folder,
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

async function createNode(parts: NodeParts): Promise<KafkaNode> {
  let child = await start(parts);
  return {
    address: parts.address,
    logFile: child.logFile,
    pid: () => child.pid,
    isUp: () => !child.ended(),
    kill9: () => child.kill(),
    stop: () => child.stop(),
    restart: async () => {
      await child.stop();
      child = await start(parts);
    },
  };
}

const listIds = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

async function choosePorts(count: number): Promise<NodePorts[]> {
  const ports: NodePorts[] = [];
  for (const _ of listIds(count)) {
    const client = await findFreePort();
    const inner = await findFreePort();
    ports.push({ client, inner, controller: await findFreePort() });
  }
  return ports;
}

/** Resolves once every node takes requests; what was started is stopped when one does not. */
export async function startKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { folder, nodes: count = 1, env = process.env, tls, sasl } = options;
  const java = needProgram("java", env);
  const jars = await getKafkaJars({
    set: "broker",
    env,
    ...(options.cacheFolder !== undefined && { cacheFolder: options.cacheFolder }),
    ...(options.say && { say: options.say }),
  });
  const ports = await choosePorts(count);
  const starting = listIds(count).map(async (id) => {
    const own = join(folder, `node-${id}`);
    mkdirSync(own, { recursive: true });
    const dataFolder = options.dataFolder?.(id) ?? join(own, "data");
    const security = { ...(tls && { tls }), ...(sasl && { sasl }) };
    const { advertisedPort } = options;
    const before = advertisedPort === undefined ? {} : { advertisedPort };
    const more = options.properties ?? {};
    const properties = listProperties({ id, ports, dataFolder, more, ...security, ...before });
    const propertiesFile = join(own, "server.properties");
    writeFileSync(propertiesFile, writeProperties(properties), { mode: 0o600 });
    const address = `127.0.0.1:${ports[id - 1]?.client}`;
    const parts = { id, java, jars, folder: own, propertiesFile, address, env };
    await format(parts, sasl);
    return createNode(parts);
  });
  const settled = await Promise.allSettled(starting);
  const nodes = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { brokers: nodes.map(({ address }) => address), nodes, stop };
}
