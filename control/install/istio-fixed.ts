// Ways without a service: a table that istiod hands out, or that a mounted file holds.
import type { Json } from "../envoy/json.ts";
import { typed } from "../envoy/json.ts";
import { MOUNT_FOLDER, MOUNTED_FILE, pluginOf } from "./istio-filter.ts";
import { FILTER_NAME, type IstioOptions } from "./istio-options.ts";

const TYPE = "envoy.config.core.v3.TypedExtensionConfig";

/** The file of the way `file`: a DiscoveryResponse with the filter's configuration. */
export function buildResourceFile(path: string, table: Uint8Array): string {
  const resource = typed(TYPE, { name: FILTER_NAME, typed_config: pluginOf(path, table) });
  return `${JSON.stringify({ version_info: "1", resources: [resource] })}\n`;
}

export const tableMapName = (name: string): string => `${name}-table`;

export function buildTableMap(options: IstioOptions): Json[] {
  if (options.way !== "file" || options.module === "pushed") return [];
  const text = buildResourceFile(options.module.path, options.table ?? new Uint8Array(0));
  const metadata = { name: tableMapName(options.name), namespace: options.namespace };
  return [{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { [MOUNTED_FILE]: text } }];
}

/** Annotations the workload's pods need for these options; none means no restart. */
export function buildAnnotations(options: IstioOptions, overrideName: string): Json {
  const { way, module, service, name } = options;
  const folder = module === "pushed" ? null : module.path.slice(0, module.path.lastIndexOf("/"));
  const volumes = [
    ...(way === "file"
      ? [
          {
            at: MOUNT_FOLDER,
            volume: { name: "limen-table", configMap: { name: tableMapName(name) } },
          },
        ]
      : []),
    ...(folder === null
      ? []
      : [{ at: folder, volume: { name: "limen-module", configMap: { name: `${name}-module` } } }]),
  ];
  const mounts = volumes.map(({ at, volume }) => ({ name: volume.name, mountPath: at }));
  return {
    ...(way === "static-cluster" ? { "sidecar.istio.io/bootstrapOverride": overrideName } : {}),
    ...(way === "access-log-cluster"
      ? {
          "proxy.istio.io/config": `envoyAccessLogService:\n  address: ${service.host}:${service.port}\n`,
        }
      : {}),
    ...(volumes.length > 0
      ? {
          "sidecar.istio.io/userVolume": JSON.stringify(volumes.map(({ volume }) => volume)),
          "sidecar.istio.io/userVolumeMount": JSON.stringify(mounts),
        }
      : {}),
  };
}
