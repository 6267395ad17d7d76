// What the manifests for Istio are made from.
import type { Address } from "../envoy/bootstrap.ts";
import type { Json } from "../envoy/json.ts";

/** How a proxy reaches the control service; istio/README.md compares them. */
export type IstioWay =
  /** gRPC's own client in Envoy dials the service: one EnvoyFilter, nothing in the bootstrap. */
  | "google-grpc"
  /** A static cluster that `bootstrapOverride` adds. */
  | "static-cluster"
  /** The static cluster Istio makes for `envoyAccessLogService`. */
  | "access-log-cluster"
  /** istiod hands out a fixed table. */
  | "istiod"
  /** A mounted file holds a fixed table. */
  | "file";

/** Which traffic of the workload meets the filter. */
export type IstioUse = "gateway" | "inbound" | "outbound";

/** Where the module comes from: with each push, or a file in the proxy. */
export type IstioModule = "pushed" | { path: string };

/** Who proves to whom: nobody, the mesh by SDS, or certificate files in the proxy. */
export type IstioIdentity =
  | { kind: "plaintext" }
  | { kind: "mesh"; account: string; trustDomain: string }
  | { kind: "files"; folder: string };

export type IstioOptions = {
  /** Name of every object that goes into the workload's namespace. */
  name: string;
  /** Of the workload. */
  namespace: string;
  /** Labels that choose the workload. */
  workload: Readonly<Record<string, string>>;
  uses: readonly IstioUse[];
  way: IstioWay;
  /** Of the control service: ECDS and access log. */
  service: Address;
  controlNamespace: string;
  module: IstioModule;
  identity: IstioIdentity;
  /** Response header with which applications say what a request was; clients do not see it. */
  labelHeader?: string;
  /** `mesh`: tags of an earlier hop are believed and stay. */
  trust: "nobody" | "mesh";
  /** The table of the ways `istiod` and `file`; none is the base state. */
  table?: Uint8Array;
};

/** One file: what it proves and needs, and its objects. */
export type Manifest = { file: string; says: string; documents: readonly Json[] };

export const DEFAULT_OPTIONS: IstioOptions = {
  name: "limen",
  namespace: "istio-ingress",
  workload: { istio: "ingressgateway" },
  uses: ["gateway"],
  way: "google-grpc",
  service: { host: "limen.limen-system.svc.cluster.local", port: 18000 },
  controlNamespace: "limen-system",
  module: "pushed",
  identity: { kind: "plaintext" },
  labelHeader: "x-limen-label",
  trust: "nobody",
};

export const FILTER_NAME = "limen";
