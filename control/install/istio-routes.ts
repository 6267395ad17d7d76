// Routes by a tag, and how decisions come back: mesh configuration and Telemetry.
import type { Json } from "../envoy/json.ts";
import type { IstioOptions, Manifest } from "./istio-options.ts";

/** Requests with that header value go to `tagged`, all others to `rest`. */
export type TagRouting = {
  name: string;
  namespace: string;
  hosts: readonly string[];
  /** Names of Istio Gateways, or `mesh` for calls between workloads. */
  gateways: readonly string[];
  header: string;
  value: string;
  tagged: { host: string; port: number };
  rest: { host: string; port: number };
};

const PROVIDER = "limen";
const LOG_NAME = "limen";

/** Istio's own route: tagged first, the rest behind it. */
export function buildVirtualService(routing: TagRouting): Json {
  const to = ({ host, port }: TagRouting["rest"]): Json[] => [
    { destination: { host, port: { number: port } } },
  ];
  const { name, namespace, hosts, gateways, header, value } = routing;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace },
    spec: {
      hosts,
      gateways,
      http: [
        {
          name: "tagged",
          match: [{ headers: { [header]: { exact: value } } }],
          route: to(routing.tagged),
        },
        { name: "rest", route: to(routing.rest) },
      ],
    },
  };
}

/** The same by the Gateway API: a parent is a Gateway or, for Linkerd, a Service. */
export function buildHttpRoute(
  routing: Omit<TagRouting, "gateways" | "hosts"> & {
    hosts?: readonly string[];
    parent: { kind: "Gateway" | "Service"; name: string; port?: number };
  },
): Json {
  const { name, namespace, header, value, parent, hosts } = routing;
  const group = parent.kind === "Service" ? "core" : "gateway.networking.k8s.io";
  const to = ({ host, port }: TagRouting["rest"]): Json[] => [{ name: host, port }];
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ group, ...parent }],
      ...(hosts ? { hostnames: hosts } : {}),
      rules: [
        {
          matches: [{ headers: [{ type: "Exact", name: header, value }] }],
          backendRefs: to(routing.tagged),
        },
        { backendRefs: to(routing.rest) },
      ],
    },
  };
}

/**
 * The part of the mesh configuration that Limen wants. The provider has no field for the size of
 * the buffer, so Envoy's own 16 KiB holds: about 48 entries a message.
 */
export function buildMeshConfig({ service }: Pick<IstioOptions, "service">): Json {
  return {
    extensionProviders: [
      {
        name: PROVIDER,
        envoyHttpAls: {
          service: service.host,
          port: service.port,
          logName: LOG_NAME,
          filterStateObjectsToLog: ["wasm.limen"],
        },
      },
    ],
    defaultConfig: {
      // Istio hides the statistics of pushes unless they are named; ours (wasmcustom) it shows.
      proxyStatsMatcher: { inclusionPrefixes: ["extension_config_discovery"] },
    },
  };
}

/** Turns the provider on for the workload. */
export function buildTelemetry({ name, namespace, workload, uses }: IstioOptions): Json {
  // A gateway is a client too in Istio's words.
  const isServer = uses.every((use) => use === "inbound");
  const isClient = uses.every((use) => use !== "inbound");
  const mode = isServer ? "SERVER" : isClient ? "CLIENT" : "CLIENT_AND_SERVER";
  return {
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: workload },
      accessLogging: [{ match: { mode }, providers: [{ name: PROVIDER }] }],
    },
  };
}

/** As values of the chart `istiod`; `meshConfig` stands alike in an IstioOperator file. */
export function buildMeshValues(options: IstioOptions): Manifest {
  return {
    file: "mesh-config.yaml",
    says: "Mesh configuration, to be merged into yours: decisions go to the control service, and the statistics of pushes are shown. Values of the chart istiod (`helm upgrade istiod ... -f`), not an object of Kubernetes.",
    documents: [{ meshConfig: buildMeshConfig(options) }],
  };
}
