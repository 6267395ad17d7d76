// Writes the example manifests of istio/: `npx node control/install/istio-examples.ts`.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildIstioManifests, renderManifest } from "./istio.ts";
import { DEFAULT_OPTIONS, type IstioOptions, type Manifest } from "./istio-options.ts";
import {
  buildHttpRoute,
  buildMeshValues,
  buildTelemetry,
  buildVirtualService,
} from "./istio-routes.ts";
import { buildService, defaultSettings } from "./istio-service.ts";

const MESH = { kind: "mesh", account: "limen", trustDomain: "cluster.local" } as const;
const SIDECAR = { namespace: "shop", workload: { app: "shop" } } as const;
const MODULE = { path: "/opt/limen/limen.wasm" };
const TAG = { header: "x-limen-bot", value: "bot" };
const SHOP = { tagged: { host: "shop-bots", port: 80 }, rest: { host: "shop", port: 80 } };

type Example = { file: string; proves: string; options: Partial<IstioOptions> };

const FILTERS: readonly Example[] = [
  {
    file: "gateway.yaml",
    proves: "The least invasive way: one EnvoyFilter. Proved by test/istio/gateway.test.ts.",
    options: {},
  },
  {
    file: "gateway-static-cluster.yaml",
    proves:
      "The way for a mesh with identities: the proxy shows its own certificate, renewed by SDS. Proved by test/istio/identity.test.ts.",
    options: { way: "static-cluster", identity: MESH },
  },
  {
    file: "gateway-access-log-cluster.yaml",
    proves: "Without a ConfigMap: Istio makes the cluster. Proved by test/istio/gateway.test.ts.",
    options: { way: "access-log-cluster" },
  },
  {
    file: "gateway-istiod.yaml",
    proves: "A fixed table without any connection to us. Proved by test/istio/gateway.test.ts.",
    options: { way: "istiod", module: MODULE },
  },
  {
    file: "gateway-file.yaml",
    proves: "A fixed table from a ConfigMap. Proved by test/istio/gateway.test.ts.",
    options: { way: "file", module: MODULE },
  },
  {
    file: "sidecar-inbound.yaml",
    proves:
      "Requests that come to the workload are scored; the tag reaches the application, and cannot choose another service. Proved by test/istio/sidecar.test.ts.",
    options: { ...SIDECAR, uses: ["inbound"] },
  },
  {
    file: "sidecar-outbound.yaml",
    proves:
      "Requests that the workload sends are scored, and a VirtualService routes them by the tag. Proved by test/istio/sidecar.test.ts.",
    options: { ...SIDECAR, uses: ["outbound"] },
  },
];

function ofFilter({ file, proves, options }: Example): Manifest {
  const [first] = buildIstioManifests(options);
  return { file, says: `${first?.says}\n${proves}`, documents: first?.documents ?? [] };
}

function others(): Manifest[] {
  const route = { name: "shop", namespace: "shop", ...TAG, ...SHOP };
  const options = DEFAULT_OPTIONS;
  const image = "limen:0.1.0";
  return [
    buildMeshValues(options),
    {
      file: "telemetry.yaml",
      says: "Sends the decisions of the gateway to the control service. Needs the provider of istio/mesh-config.yaml.\nProved by test/istio/gateway.test.ts.",
      documents: [buildTelemetry(options)],
    },
    {
      file: "service.yaml",
      says: "The control service as one process with the embedded event log, known to proxies by its certificate of the mesh.\nNeeds an image of Limen, injection of sidecars for the certificate, and a storage class.\nChecked by istioctl and the lint; not run in a cluster.",
      documents: buildService({
        ...options,
        image,
        roles: ["run"],
        settings: defaultSettings(
          "/opt/limen/models/bot",
          `spiffe://${MESH.trustDomain}/ns/${options.namespace}/sa/*`,
        ),
      }),
    },
    {
      file: "virtual-service.yaml",
      says: "Sends tagged requests of a gateway to a service of their own.\nProved by test/istio/gateway.test.ts.",
      documents: [buildVirtualService({ ...route, hosts: ["shop.example"], gateways: ["shop"] })],
    },
    {
      file: "http-route.yaml",
      says: "The same route by the Gateway API.\nChecked by istioctl only.",
      documents: [
        buildHttpRoute({
          ...route,
          hosts: ["shop.example"],
          parent: { kind: "Gateway", name: "shop" },
        }),
      ],
    },
    {
      file: "linkerd-http-route.yaml",
      says: "Linkerd behind an Envoy with Limen: the ingress tags, Linkerd's proxies route by the tag.\nLinkerd's own proxy takes no filter. Checked by istioctl only, not run.",
      documents: [
        buildHttpRoute({ ...route, parent: { kind: "Service", name: "shop", port: 80 } }),
      ],
    },
  ];
}

/** The manifests of istio/, by file. */
export const buildExamples = (): Manifest[] => [...FILTERS.map(ofFilter), ...others()];

if (import.meta.main) {
  const folder = join(import.meta.dirname, "..", "..", "istio");
  for (const each of buildExamples()) writeFileSync(join(folder, each.file), renderManifest(each));
}
