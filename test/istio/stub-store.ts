// The objects of a Kubernetes that is not there, with watches. It checks nothing.
import type { Json } from "../../control/envoy/json.ts";

export type Stored = Json & { kind: string; apiVersion: string; metadata: Metadata };
type Metadata = Json & { name: string; namespace?: string; uid?: string; resourceVersion?: string };
export type Change = "ADDED" | "MODIFIED" | "DELETED";
export type Watch = {
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
  send(change: Change, object: Stored): void;
};

export type Store = {
  /** Adds or replaces, as `kubectl apply` would. */
  apply(object: Stored): void;
  remove(object: Stored): void;
  list(resource: string, namespace?: string, name?: string): Stored[];
  /** Of the plural name; undefined for one never seen. */
  kindOf(plural: string): string | undefined;
  version(): string;
  watch(watch: Watch): () => void;
};

/** Kinds whose plural English would make otherwise. */
const IRREGULAR: Readonly<Record<string, string>> = {
  EndpointSlice: "endpointslices",
  Endpoints: "endpoints",
  EnvoyFilter: "envoyfilters",
  Gateway: "gateways",
  GatewayClass: "gatewayclasses",
  ProxyConfig: "proxyconfigs",
};
const CLUSTER_WIDE = /^(CustomResourceDefinition|Namespace|Cluster.*|Mutating.*|Validating.*)$/;

function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (IRREGULAR[kind]) return IRREGULAR[kind];
  if (/(s|x|ch)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

/** `GROUP/PLURAL`; the core group is empty. */
export function resourceOf({ apiVersion, kind }: Pick<Stored, "apiVersion" | "kind">): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${group}/${pluralOf(kind)}`;
}

const keyOf = ({ namespace, name }: Metadata): string => `${namespace ?? ""}/${name}`;

export function createStore(): Store {
  const objects = new Map<string, Map<string, Stored>>();
  const watches = new Set<Watch>();
  const kinds = new Map(Object.entries(IRREGULAR).map(([kind, plural]) => [plural, kind]));
  let version = 1;
  const announce = (resource: string, change: Change, object: Stored): void => {
    const { name, namespace } = object.metadata;
    for (const watch of watches) {
      const isMeant = watch.resource === resource && (watch.name ?? name) === name;
      if (isMeant && (watch.namespace ?? namespace) === namespace) watch.send(change, object);
    }
  };
  const stamp = (object: Stored, uid: string | undefined): Stored => {
    version += 1;
    const namespace = CLUSTER_WIDE.test(object.kind)
      ? {}
      : { namespace: object.metadata.namespace ?? "default" };
    const metadata = {
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...object.metadata,
      ...namespace,
      uid: uid ?? `uid-${version}`,
      resourceVersion: String(version),
    };
    return { ...object, metadata };
  };
  return {
    apply(object) {
      const resource = resourceOf(object);
      kinds.set(pluralOf(object.kind), object.kind);
      const all = objects.get(resource) ?? new Map<string, Stored>();
      objects.set(resource, all);
      const before = all.get(keyOf(stamp(object, undefined).metadata));
      const stored = stamp(object, before?.metadata.uid);
      all.set(keyOf(stored.metadata), stored);
      announce(resource, before ? "MODIFIED" : "ADDED", stored);
    },
    remove(object) {
      const resource = resourceOf(object);
      const stored = stamp(object, undefined);
      if (objects.get(resource)?.delete(keyOf(stored.metadata))) {
        announce(resource, "DELETED", stored);
      }
    },
    list: (resource, namespace, name) =>
      [...(objects.get(resource)?.values() ?? [])]
        .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
        .filter(({ metadata }) => name === undefined || metadata.name === name),
    kindOf: (plural) => kinds.get(plural),
    version: () => String(version),
    watch(watch) {
      watches.add(watch);
      return () => watches.delete(watch);
    },
  };
}
