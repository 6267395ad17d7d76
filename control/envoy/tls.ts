import { dirname } from "node:path";
import { type Json, typed } from "./json.ts";

/** What a proxy shows to the control service, and whom it takes for it; paths are the proxy's. */
export type TlsIdentity = {
  certificate: string;
  key: string;
  ca: string;
  /** The name in the service's certificate: DNS, or a SPIFFE id. */
  serverName: string;
};

/** Files with the two secrets of `writeSecrets`, as the proxy finds them. */
export type TlsSecrets = { client: string; server: string };

const SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret";
const CLIENT_SECRET = "limen_client";
const SERVER_SECRET = "limen_server";

const secretFile = (name: string, secret: Json): Json => ({
  resources: [typed(SECRET, { name, ...secret })],
});

/**
 * The contents of the two files. Envoy reads certificate, key and CA again when something is
 * renamed into their folder, without a restart and without ending a stream.
 */
export function buildSecrets(identity: TlsIdentity): { client: Json; server: Json } {
  const { certificate, key, ca, serverName } = identity;
  const sanType = serverName.startsWith("spiffe://") ? "URI" : "DNS";
  const watch = (file: string): Json => ({ watched_directory: { path: dirname(file) } });
  return {
    client: secretFile(CLIENT_SECRET, {
      tls_certificate: {
        certificate_chain: { filename: certificate },
        private_key: { filename: key },
        ...watch(certificate),
      },
    }),
    server: secretFile(SERVER_SECRET, {
      validation_context: {
        trusted_ca: { filename: ca },
        match_typed_subject_alt_names: [{ san_type: sanType, matcher: { exact: serverName } }],
        ...watch(ca),
      },
    }),
  };
}

/** The transport socket of a cluster that speaks gRPC to the control service. */
export function buildTransportSocket({ client, server }: TlsSecrets): Json {
  const secret = (name: string, path: string): Json => ({
    name,
    sds_config: { path_config_source: { path }, resource_api_version: "V3" },
  });
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
      common_tls_context: {
        alpn_protocols: ["h2"],
        tls_certificate_sds_secret_configs: [secret(CLIENT_SECRET, client)],
        validation_context_sds_secret_config: secret(SERVER_SECRET, server),
      },
    }),
  };
}
