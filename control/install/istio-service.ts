// The control service itself in Kubernetes: who it is, what it runs, how it is reached.
import { stringify } from "yaml";
import type { Json } from "../envoy/json.ts";
import { CERTIFICATE_FILES } from "./istio-cluster.ts";
import type { IstioOptions } from "./istio-options.ts";

export type ServiceOptions = Pick<IstioOptions, "controlNamespace" | "service"> & {
  image: string;
  /** `run` is all in one. The other three want Kafka; each is a Deployment of its own. */
  roles: readonly ("run" | "collect" | "learn" | "serve")[];
  /** The value of limen.yaml. */
  settings: Json;
};

const ACCOUNT = "limen";
const HTTP_PORT = 18001;
const SETTINGS_FOLDER = "/etc/limen";
const DATA_FOLDER = "/var/lib/limen";
export const CERTIFICATE_FOLDER = "/etc/istio-output-certs";

/**
 * A sidecar that takes no traffic: it only fetches the mesh's certificate and writes it, renewed,
 * into a folder that the service reads. Callers then talk TLS to the service itself, which sees
 * their SPIFFE id.
 */
const CERTIFICATE_ANNOTATIONS = {
  "traffic.sidecar.istio.io/includeInboundPorts": "",
  "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
  "proxy.istio.io/config": `proxyMetadata:\n  OUTPUT_CERTS: ${CERTIFICATE_FOLDER}\n`,
  "sidecar.istio.io/userVolumeMount": JSON.stringify([
    { name: "certificates", mountPath: CERTIFICATE_FOLDER },
  ]),
};

const nameOf = (role: string): string => (role === "run" ? "limen" : `limen-${role}`);

function container(role: string, { image, service }: ServiceOptions, hasData: boolean): Json {
  const args = role === "run" ? ["run"] : ["run", role];
  const mounts = [
    { name: "settings", mountPath: SETTINGS_FOLDER },
    { name: "certificates", mountPath: CERTIFICATE_FOLDER, readOnly: true },
    ...(hasData ? [{ name: "data", mountPath: DATA_FOLDER }] : []),
  ];
  return {
    name: "limen",
    image,
    args: [...args, "-f", `${SETTINGS_FOLDER}/limen.yaml`],
    ports: [{ name: "grpc-xds", containerPort: service.port }],
    readinessProbe: { tcpSocket: { port: service.port } },
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: mounts,
  };
}

function deployment(role: string, options: ServiceOptions): Json {
  const labels = { app: "limen", "limen/role": role };
  const hasData = role === "run";
  const volumes = [
    { name: "settings", configMap: { name: "limen" } },
    { name: "certificates", emptyDir: { medium: "Memory" } },
    ...(hasData ? [{ name: "data", persistentVolumeClaim: { claimName: "limen" } }] : []),
  ];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: nameOf(role), namespace: options.controlNamespace, labels },
    spec: {
      // The embedded event log is one file of one process.
      ...(hasData ? { replicas: 1, strategy: { type: "Recreate" } } : { replicas: 2 }),
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels: { ...labels, "sidecar.istio.io/inject": "true" },
          annotations: CERTIFICATE_ANNOTATIONS,
        },
        spec: {
          serviceAccountName: ACCOUNT,
          securityContext: { fsGroup: 1000, runAsUser: 1000 },
          containers: [container(role, options, hasData)],
          volumes,
        },
      },
    },
  };
}

/** With the roles apart, `limen` serves ECDS and `limen-collect` takes decisions: the mesh
 * configuration then names that one. */
function services({ controlNamespace, service, roles }: ServiceOptions): Json[] {
  const make = (name: string, role: string): Json => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: controlNamespace, labels: { app: "limen" } },
    spec: {
      // With an address of its own: a sidecar cannot log to a headless service, whose cluster takes
      // the address of the request.
      selector: { app: "limen", "limen/role": role },
      ports: [{ name: "grpc-xds", port: service.port, targetPort: service.port }],
    },
  });
  const apart = roles.filter((role) => role !== "run" && role !== "serve");
  const main = roles.includes("run") ? "run" : "serve";
  return [make("limen", main), ...apart.map((role) => make(nameOf(role), role))];
}

/** Clients of the mesh speak TLS to it with their own certificates, although it has no inbound sidecar. */
function destinationRules(options: ServiceOptions): Json[] {
  const { controlNamespace: namespace, service } = options;
  return services(options).map(({ metadata }) => {
    const name = String((metadata as Json)["name"]);
    const host = name === "limen" ? service.host : `${name}.${namespace}.svc.cluster.local`;
    return {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name, namespace },
      spec: { host, trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } },
    };
  });
}

/** Everything of the control service, in the order kubectl needs. */
export function buildService(options: ServiceOptions): Json[] {
  const { controlNamespace: namespace, settings, roles } = options;
  const metadata = { name: ACCOUNT, namespace };
  const storage = { resources: { requests: { storage: "20Gi" } }, accessModes: ["ReadWriteOnce"] };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { "limen.yaml": stringify(settings, { lineWidth: 100 }) },
    },
    ...(roles.includes("run")
      ? [{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata, spec: storage }]
      : []),
    ...roles.map((role) => deployment(role, options)),
    ...services(options),
    ...destinationRules(options),
  ];
}

/**
 * Settings for a mesh: proxies of the namespace are known by certificate; people come by
 * `kubectl port-forward`, which ends on loopback.
 */
export function defaultSettings(model: string, proxies: string): Json {
  const file = (name: string): string => `${CERTIFICATE_FOLDER}/${name}`;
  return {
    limen: 1,
    models: [model],
    listen: { xds: "0.0.0.0:18000", http: `127.0.0.1:${HTTP_PORT}` },
    log: `sqlite:${DATA_FOLDER}/limen.db`,
    auth: {
      tls: {
        certificate: file(CERTIFICATE_FILES.chain),
        key: file(CERTIFICATE_FILES.key),
        clientCa: file(CERTIFICATE_FILES.root),
      },
      allow: [{ spiffe: proxies, role: "proxy" }],
    },
  };
}
