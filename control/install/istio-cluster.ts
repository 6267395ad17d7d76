// The static cluster of the control service, and the ConfigMap that brings it into the bootstrap.
import { type Address, grpcCluster } from "../envoy/bootstrap.ts";
import { XDS_CLUSTER } from "../envoy/http-filters.ts";
import { type Json, typed } from "../envoy/json.ts";
import type { IstioIdentity, IstioOptions } from "./istio-options.ts";

/** Istio's agent mounts the ConfigMap and looks for this key in it. */
export const OVERRIDE_KEY = "custom_bootstrap.json";
const TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
/** The agent's own SDS server, a static cluster of Istio's bootstrap. */
const SDS_CLUSTER = "sds-grpc";
/** What Istio names the workload's certificate and the mesh's root there. */
const SECRETS = { certificate: "default", root: "ROOTCA" };
/** What Istio's agent writes into the folder OUTPUT_CERTS names. */
export const CERTIFICATE_FILES = {
  root: "root-cert.pem",
  key: "key.pem",
  chain: "cert-chain.pem",
};

function secret(name: string): Json {
  const services = [{ envoy_grpc: { cluster_name: SDS_CLUSTER } }];
  const source = { api_type: "GRPC", transport_api_version: "V3", grpc_services: services };
  return {
    name,
    sds_config: { resource_api_version: "V3", api_config_source: source },
  };
}

/** Our SPIFFE id to the service, and only its SPIFFE id back. */
function meshTls({ account, trustDomain }: Extract<IstioIdentity, { kind: "mesh" }>, from: string) {
  const uri = `spiffe://${trustDomain}/ns/${from}/sa/${account}`;
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: typed(TLS, {
      common_tls_context: {
        alpn_protocols: ["h2"],
        tls_certificate_sds_secret_configs: [secret(SECRETS.certificate)],
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: uri } }],
          },
          validation_context_sds_secret_config: secret(SECRETS.root),
        },
      },
    }),
  };
}

function filesTls(folder: string): Json {
  const file = (name: string): Json => ({ filename: `${folder}/${name}` });
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: typed(TLS, {
      common_tls_context: {
        alpn_protocols: ["h2"],
        tls_certificates: [
          {
            certificate_chain: file(CERTIFICATE_FILES.chain),
            private_key: file(CERTIFICATE_FILES.key),
          },
        ],
        validation_context: { trusted_ca: file(CERTIFICATE_FILES.root) },
      },
    }),
  };
}

function transport({ identity, controlNamespace }: IstioOptions): Json {
  if (identity.kind === "plaintext") return {};
  const socket =
    identity.kind === "mesh" ? meshTls(identity, controlNamespace) : filesTls(identity.folder);
  return { transport_socket: socket };
}

/** The cluster as the bootstrap takes it; lists of an override are appended to Istio's. */
export function buildOverride(options: IstioOptions): Json {
  const service: Address = options.service;
  const cluster = { ...grpcCluster(XDS_CLUSTER, service), ...transport(options) };
  return { static_resources: { clusters: [cluster] } };
}

export const overrideName = (name: string): string => `${name}-bootstrap`;

/** One whole JSON document: what Istio's agent cannot read it passes over with a warning. */
export function buildOverrideMap(options: IstioOptions): Json {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: overrideName(options.name), namespace: options.namespace },
    data: { [OVERRIDE_KEY]: `${JSON.stringify(buildOverride(options), null, 2)}\n` },
  };
}

/** How gRPC's own client in Envoy dials the service. */
export function googleGrpc({ service, identity }: IstioOptions): Json {
  const target = { target_uri: `${service.host}:${service.port}`, stat_prefix: XDS_CLUSTER };
  if (identity.kind !== "files") return target;
  const file = (name: string): Json => ({ filename: `${identity.folder}/${name}` });
  const ssl = {
    root_certs: file(CERTIFICATE_FILES.root),
    private_key: file(CERTIFICATE_FILES.key),
    cert_chain: file(CERTIFICATE_FILES.chain),
  };
  return { ...target, channel_credentials: { ssl_credentials: ssl } };
}
