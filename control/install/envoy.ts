// The bootstrap that `limen install envoy` prints.
import { dirname, join } from "node:path";
import { type Address, buildBootstrap } from "../envoy/bootstrap.ts";
import type { FilterSource } from "../envoy/http-filters.ts";
import type { Json } from "../envoy/json.ts";
import { buildSecrets } from "../envoy/tls.ts";
import { LimenError } from "../errors.ts";

export type EnvoyInstall = {
  node: { id: string; cluster: string };
  admin: Address;
  listen: Address;
  upstream: Address;
  /** Requests with that tag go elsewhere. */
  tagged: { header: string; value: string; upstream: Address } | null;
  /** Of the built module, as the proxy sees it. */
  wasm: string;
  labelHeader: string | null;
  /** Where tables come from: a control service, a file that is watched, or one for good. */
  table:
    | { way: "xds"; service: Address }
    | { way: "file"; path: string }
    | { way: "static"; bytes: Uint8Array };
  /** Mutual TLS towards the service; null: in plain text. */
  tls: ProxyIdentity | null;
};

/** A folder of the proxy's with `certificate.pem`, `key.pem`, `ca.pem` and the two secret files. */
export type ProxyIdentity = { folder: string; serverName: string };

const SECRETS = { client: "limen-client.yaml", server: "limen-server.yaml" } as const;

/** What belongs into `limen-client.yaml` and `limen-server.yaml` of the folder. */
export function buildEnvoySecrets({ folder, serverName }: ProxyIdentity) {
  return buildSecrets({
    certificate: join(folder, "certificate.pem"),
    key: join(folder, "key.pem"),
    ca: join(folder, "ca.pem"),
    serverName,
  });
}

const NAME = "limen";

function sourceOf(table: EnvoyInstall["table"]): FilterSource["table"] {
  if (table.way === "xds") return "xds";
  if (table.way === "static") return table.bytes;
  return { path: table.path, folder: dirname(table.path) };
}

export function buildEnvoyInstall(install: EnvoyInstall): Json {
  const { node, admin, listen, upstream, tagged, wasm, labelHeader, table, tls } = install;
  const service = table.way === "xds" ? table.service : null;
  if (service === null && labelHeader !== null) {
    const text = "nobody collects labels without a control service";
    throw new LimenError("usage", `install envoy: ${text}; leave --label-header out`);
  }
  const app = { name: "app", address: upstream };
  const other = tagged ? [{ name: "tagged", address: tagged.upstream }] : [];
  return buildBootstrap({
    node,
    admin,
    listener: listen,
    upstreams: [app, ...other],
    tagRoutes: tagged ? [{ header: tagged.header, value: tagged.value, upstream: "tagged" }] : [],
    defaultUpstream: "app",
    filters: [{ name: NAME, vmId: NAME, wasmPath: wasm, table: sourceOf(table) }],
    ...(service && { xds: service, accessLog: service }),
    ...(tls && {
      tls: { client: join(tls.folder, SECRETS.client), server: join(tls.folder, SECRETS.server) },
    }),
    ...(labelHeader !== null && { labelHeader }),
  });
}
