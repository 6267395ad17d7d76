// Istio's own programs as child processes, on ports the system chooses.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { stringify } from "yaml";
import { findFreePort } from "../../control/demo/ports.ts";
import type { Json } from "../../control/envoy/json.ts";
import { findEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { passBy } from "../support/pass-by.ts";
import { buildIstio, ISTIO_FOLDER, isBuilt } from "./build.mjs";

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
/** The one version that runs here. */
export const ISTIO_VERSION = "1.31-dev";

export const programOf = (name: string): string => join(ISTIO_FOLDER, name);

let found: Promise<boolean> | undefined;

async function findIstio(): Promise<boolean> {
  const { LIMEN_ISTIO } = process.env;
  if (!isBuilt() && LIMEN_ISTIO === "build") await buildIstio();
  if (!isBuilt()) passBy("Istio's programs; build them: node test/istio/build.mjs");
  return isBuilt() && (await findEnvoy()) !== null;
}

/** A claim about a real Istio; passed by with a line where its programs are not built. */
export function itOnIstio(claim: string, test: () => Promise<void>, timeoutMs?: number): void {
  it(
    claim,
    async () => {
      found ??= findIstio();
      if (await found) await test();
    },
    timeoutMs,
  );
}

export type Running = {
  readLog(): string;
  isRunning(): boolean;
  stop(): Promise<void>;
};

function start(
  program: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; log: string },
): Running {
  const { cwd, env, log } = options;
  const out = openSync(log, "w");
  const child: ChildProcess = spawn(program, args, { cwd, env, stdio: ["ignore", out, out] });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    readLog: () => readFileSync(log, "utf8"),
    isRunning,
    stop: async () => {
      if (!isRunning()) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Only what the programs need: nothing of this process decides how they behave. */
const plainEnv = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
});

async function waitForPage(program: Running, url: string): Promise<void> {
  const look = async (): Promise<"ended" | "ready" | null> => {
    if (!program.isRunning()) return "ended";
    return (await fetch(url)).status === 200 ? "ready" : null;
  };
  const state = await waitFor(url, look, READY_TIMEOUT_MS).catch(() => "late" as const);
  if (state === "ready") return;
  await program.stop();
  throw new Error(`${url}: ${state}\n${program.readLog().slice(-4000)}`);
}

/** What a stock Envoy lacks is switched off: filters that only istio-proxy's own build has. */
const ISTIOD_ENV = {
  ENABLE_CA_SERVER: "false",
  INJECT_ENABLED: "false",
  INJECTION_WEBHOOK_CONFIG_NAME: "",
  PILOT_ENABLE_ALPN_FILTER: "false",
  PILOT_ENABLE_AMBIENT: "false",
  PILOT_ENABLE_GATEWAY_API: "false",
  PILOT_ENABLE_IP_AUTOALLOCATE: "false",
  PILOT_ENABLE_METADATA_EXCHANGE: "false",
  POD_NAME: "istiod",
  POD_NAMESPACE: "istio-system",
  VALIDATION_WEBHOOK_CONFIG_NAME: "",
};

/** A cluster at that port of loopback; gives the file. */
export function writeKubeconfig(folder: string, apiPort: number): string {
  const file = join(folder, "kubeconfig");
  const cluster = { server: `http://${LOOPBACK}:${apiPort}` };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "stub", cluster }],
    users: [{ name: "stub", user: {} }],
    contexts: [{ name: "stub", context: { cluster: "stub", user: "stub" } }],
    "current-context": "stub",
  };
  writeFileSync(file, stringify(config));
  return file;
}

export type Istiod = Running & { xdsPort: number; httpPort: number };

/** istiod against that API, speaking plaintext xDS. */
export async function startIstiod(
  folder: string,
  options: { apiPort: number; mesh: Json },
): Promise<Istiod> {
  const xdsPort = await findFreePort();
  const httpPort = await findFreePort();
  const monitoringPort = await findFreePort();
  const discoveryAddress = `${LOOPBACK}:${xdsPort}`;
  const own = options.mesh["defaultConfig"] as Json | undefined;
  const mesh = join(folder, "mesh.yaml");
  const control = { discoveryAddress, controlPlaneAuthPolicy: "NONE", concurrency: 1 };
  writeFileSync(mesh, stringify({ ...options.mesh, defaultConfig: { ...own, ...control } }));
  const args = [
    ...["discovery", "--registries=Kubernetes", "--ctrlz_port", "0"],
    ...["--kubeconfig", writeKubeconfig(folder, options.apiPort), "--meshConfig", mesh],
    ...["--grpcAddr", discoveryAddress, "--httpAddr", `${LOOPBACK}:${httpPort}`],
    ...["--monitoringAddr", `${LOOPBACK}:${monitoringPort}`],
    ...["--secureGRPCAddr", "", "--httpsAddr", ""],
  ];
  const istiod = start(programOf("pilot-discovery"), args, {
    cwd: folder,
    env: { ...plainEnv(), ...ISTIOD_ENV },
    log: join(folder, "istiod.log"),
  });
  await waitForPage(istiod, `http://${LOOPBACK}:${httpPort}/ready`);
  return { ...istiod, xdsPort, httpPort };
}

export type AgentOptions = {
  kind: "router" | "sidecar";
  /** Name and labels of the pod. */
  pod: string;
  labels: Readonly<Record<string, string>>;
  xdsPort: number;
  /** What a bootstrapOverride would mount. */
  override?: string;
  /** Further fields of the proxy's configuration. */
  proxyConfig?: Json;
};

export type Agent = Running & { adminPort: number };

/** Istio's agent, which starts the stock Envoy with Istio's own bootstrap. */
export async function startAgent(folder: string, options: AgentOptions): Promise<Agent> {
  const { kind, pod, labels, xdsPort, override, proxyConfig } = options;
  const adminPort = await findFreePort();
  const config = {
    discoveryAddress: `${LOOPBACK}:${xdsPort}`,
    controlPlaneAuthPolicy: "NONE",
    binaryPath: await findEnvoy(),
    proxyAdminPort: adminPort,
    statusPort: await findFreePort(),
    concurrency: 1,
    terminationDrainDuration: "1s",
    configPath: "./etc/istio/proxy",
    proxyBootstrapTemplatePath: programOf("envoy_bootstrap.json"),
    ...proxyConfig,
  };
  const overrideFile = join(folder, "override.json");
  if (override !== undefined) writeFileSync(overrideFile, override);
  mkdirSync(join(folder, "etc/istio/proxy"), { recursive: true });
  const agent = start(
    programOf("pilot-agent"),
    ["proxy", kind, "--domain", "default.svc.cluster.local", "--proxyLogLevel=info"],
    {
      cwd: folder,
      env: {
        ...plainEnv(),
        INSTANCE_IP: LOOPBACK,
        POD_NAME: pod,
        POD_NAMESPACE: "default",
        SERVICE_ACCOUNT: pod,
        ISTIO_META_CLUSTER_ID: "Kubernetes",
        ISTIO_META_UNPRIVILEGED_POD: "true",
        ISTIO_META_WORKLOAD_NAME: pod,
        ISTIO_METAJSON_LABELS: JSON.stringify(labels),
        FILE_MOUNTED_CERTS: existsSync(join(folder, "etc/certs")) ? "" : "true",
        CREDENTIAL_FETCHER_TYPE: "",
        JWT_POLICY: "none",
        ENVOY_STATUS_PORT: String(await findFreePort()),
        ENVOY_PROMETHEUS_PORT: String(await findFreePort()),
        ISTIO_BOOTSTRAP_OVERRIDE: override === undefined ? "" : overrideFile,
        PROXY_CONFIG: JSON.stringify(config),
      },
      log: join(folder, "proxy.log"),
    },
  );
  await waitForPage(agent, `http://${LOOPBACK}:${adminPort}/ready`);
  return { ...agent, adminPort };
}
