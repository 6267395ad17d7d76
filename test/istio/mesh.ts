// A mesh for one claim: stub API, istiod, Istio's agent with a stock Envoy, two applications.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { findFreePort } from "../../control/demo/ports.ts";
import type { Json } from "../../control/envoy/json.ts";
import type { TagRouting } from "../../control/install/istio-routes.ts";
import { buildMeshConfig, buildVirtualService } from "../../control/install/istio-routes.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import { atStrike, startApplication } from "../support/stage.ts";
import type { RunningUpstream } from "../support/upstream.ts";
import { type Agent, type Istiod, programOf, startAgent, startIstiod } from "./programs.ts";
import { type StubApi, startStubApi } from "./stub-api.ts";
import type { Stored } from "./stub-store.ts";

export const GATEWAY = { istio: "ingressgateway" };
export const SIDECAR = { app: "shop" };
/** The host name under which the mesh knows the control service. */
export const CONTROL_HOST = "limen.control";

export type MeshOptions = {
  kind: "router" | "sidecar";
  /** Our manifests. */
  documents: readonly Json[];
  /** Port of the control service for the access-log provider; 0 when none takes decisions. */
  controlPort?: number;
  /** Where it is; loopback unless said. */
  controlAddress?: string;
  override?: string;
  proxyConfig?: Json;
  /** The agent's own folder before it starts, to put certificates in. */
  prepare?: (folder: string) => Promise<void>;
};

export type Mesh = {
  api: StubApi;
  istiod: Istiod;
  agent: Agent;
  shop: RunningUpstream;
  bots: RunningUpstream;
  /** Of the gateway, or of a sidecar's inbound side. */
  port: number;
  /** A sidecar's outbound side, as an HTTP proxy. */
  outboundPort: number;
  /** From the start of a program until it says it is ready. */
  istiodMs: number;
  proxyMs: number;
  readAdmin(path: string): Promise<string>;
  readStats(pattern: string): Promise<Readonly<Record<string, number>>>;
};

function readCrds(): Stored[] {
  const text = readFileSync(programOf("crd-all.gen.yaml"), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as Stored);
}

function serviceEntry(entry: {
  name: string;
  host: string;
  protocol?: "HTTP" | "GRPC";
  port: number;
  to: { host: string; port: number };
}): Json {
  const { name, host, protocol = "HTTP", port, to } = entry;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "default" },
    spec: {
      hosts: [host],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: port, name: protocol.toLowerCase(), protocol, targetPort: to.port }],
      endpoints: [{ address: to.host }],
    },
  };
}

function controlEntry({ controlPort, controlAddress = LOOPBACK }: MeshOptions): Json[] {
  if (!controlPort) return [];
  const to = { host: controlAddress, port: controlPort };
  return [serviceEntry({ name: "control", host: CONTROL_HOST, protocol: "GRPC", port: 18000, to })];
}

const namespace = (name: string): Json => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name },
});

/** Without a pod at the proxy's address istiod knows no labels and sends no listener. */
const podOf = (name: string, labels: Readonly<Record<string, string>>): Json => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels },
  spec: { serviceAccountName: name, nodeName: "n1", containers: [{ name: "proxy", image: "x" }] },
  status: {
    phase: "Running",
    podIP: LOOPBACK,
    podIPs: [{ ip: LOOPBACK }],
    hostIP: LOOPBACK,
    conditions: [{ type: "Ready", status: "True" }],
  },
});

const ROUTING: Omit<TagRouting, "hosts" | "gateways"> = {
  name: "shop",
  namespace: "default",
  header: "x-limen-bot",
  value: "bot",
  tagged: { host: "bots.shop", port: 80 },
  rest: { host: "shop.shop", port: 80 },
};

function gatewayObjects(port: number): Json[] {
  const servers = [{ port: { number: port, name: "http", protocol: "HTTP" }, hosts: ["*"] }];
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "shop", namespace: "default" },
      spec: { selector: GATEWAY, servers },
    },
    buildVirtualService({ ...ROUTING, hosts: ["*"], gateways: ["shop"] }),
  ];
}

function sidecarObjects(port: number, shopPort: number): Json[] {
  const ingress = {
    port: { number: port, protocol: "HTTP", name: "http" },
    bind: LOOPBACK,
    defaultEndpoint: `${LOOPBACK}:${shopPort}`,
    // A port of its own instead of iptables.
    captureMode: "NONE",
  };
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "Sidecar",
      metadata: { name: "shop", namespace: "default" },
      spec: {
        workloadSelector: { labels: SIDECAR },
        ingress: [ingress],
        egress: [{ hosts: ["*/*"] }],
      },
    },
    {
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "default", namespace: "default" },
      spec: { mtls: { mode: "DISABLE" } },
    },
    buildVirtualService({ ...ROUTING, hosts: ["shop.shop"], gateways: ["mesh"] }),
  ];
}

/** `statusPort: 0` and the like are refused, so every port is a free one. */
function meshOf(outboundPort: number): Json {
  const service = { host: CONTROL_HOST, port: 18000 };
  return {
    // Statistics and metadata filters are in istio-proxy's own build of Envoy only.
    defaultProviders: {},
    enablePrometheusMerge: false,
    enableAutoMtls: false,
    proxyHttpPort: outboundPort,
    ...buildMeshConfig({ service }),
  };
}

function parseStats(text: string): Record<string, number> {
  const lines = text.split("\n").map((line) => /^(.+): (\d+)$/.exec(line));
  return Object.fromEntries(lines.flatMap((m) => (m ? [[m[1] ?? "", Number(m[2])]] : [])));
}

async function timed<Value>(run: () => Promise<Value>): Promise<[Value, number]> {
  const start = performance.now();
  const value = await run();
  return [value, Math.round(performance.now() - start)];
}

/** Ends with `strikeStage`. */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const folder = mkdtempSync(join(tmpdir(), "limen-istio-"));
  atStrike(async () => rmSync(folder, { recursive: true, force: true }));
  const shop = await startApplication("shop");
  const bots = await startApplication("bots");
  const [port, outboundPort] = [await findFreePort(), await findFreePort()];
  const isGateway = options.kind === "router";
  const labels = isGateway ? GATEWAY : SIDECAR;
  const objects = [
    ...["default", "istio-system"].map(namespace),
    podOf("proxy", labels),
    serviceEntry({ name: "shop", host: "shop.shop", port: 80, to: shop.address }),
    serviceEntry({ name: "bots", host: "bots.shop", port: 80, to: bots.address }),
    ...controlEntry(options),
    ...(isGateway ? gatewayObjects(port) : sidecarObjects(port, shop.address.port)),
    ...options.documents,
  ] as Stored[];
  const api = await startStubApi([...readCrds(), ...objects]);
  atStrike(api.stop);
  const mesh = meshOf(outboundPort);
  const [istiod, istiodMs] = await timed(() => startIstiod(folder, { apiPort: api.port, mesh }));
  atStrike(istiod.stop);
  await options.prepare?.(folder);
  const proxyConfig = { ...(mesh["defaultConfig"] as Json), ...options.proxyConfig };
  const { kind, override } = options;
  const given = { kind, pod: "proxy", labels, xdsPort: istiod.xdsPort, proxyConfig };
  const [agent, proxyMs] = await timed(() =>
    startAgent(folder, override === undefined ? given : { ...given, override }),
  );
  atStrike(agent.stop);
  const readAdmin = async (path: string): Promise<string> =>
    (await fetch(`http://${LOOPBACK}:${agent.adminPort}${path}`)).text();
  const readStats = async (pattern: string) =>
    parseStats(await readAdmin(`/stats?filter=${encodeURIComponent(pattern)}`));
  const times = { istiodMs, proxyMs };
  return { api, istiod, agent, shop, bots, port, outboundPort, ...times, readAdmin, readStats };
}

/** Waits until a listener is open and answers. */
export async function waitForListener(port: number): Promise<void> {
  await waitFor(`an answer on ${port}`, async () => ((await ask(port)).status === 0 ? null : true));
}
