import {
  METRIC_COUNTER,
  METRIC_GAUGE,
  METRIC_HISTOGRAM,
  STATUS_BAD_ARGUMENT,
  STATUS_NOT_FOUND,
  STATUS_OK,
} from "./abi.ts";

/** Metrics of one process. Names are shared by all VMs; Envoy shows them as `wasmcustom.NAME`. */
export type Metrics = {
  readonly counters: Map<string, bigint>;
  readonly gauges: Map<string, bigint>;
  readonly histograms: Map<string, bigint[]>;
};

export function createMetrics(): Metrics {
  return { counters: new Map(), gauges: new Map(), histograms: new Map() };
}

/** The metric ids of one VM: every definition makes a new id, also for a name already known. */
export type VmMetrics = {
  define(type: number, name: string): number | undefined;
  increment(id: number, delta: bigint): number;
  record(id: number, value: bigint): number;
  read(id: number): bigint | number;
  /** Ids handed out so far: grows without bound in a guest that defines per configuration. */
  count(): number;
};

const TYPE_MASK = 3;

export function createVmMetrics(metrics: Metrics): VmMetrics {
  const names = new Map<number, string>();
  const values = (id: number): Map<string, bigint> | undefined => {
    if ((id & TYPE_MASK) === METRIC_COUNTER) return metrics.counters;
    return (id & TYPE_MASK) === METRIC_GAUGE ? metrics.gauges : undefined;
  };
  const change = (id: number, value: (before: bigint) => bigint): number => {
    const name = names.get(id);
    const store = values(id);
    if (name === undefined || store === undefined) return STATUS_NOT_FOUND;
    store.set(name, BigInt.asUintN(64, value(store.get(name) ?? 0n)));
    return STATUS_OK;
  };
  return {
    define: (type, name) => {
      if (type > METRIC_HISTOGRAM) return undefined;
      const id = (names.size + 1) * (TYPE_MASK + 1) + type;
      names.set(id, name);
      if (type === METRIC_HISTOGRAM)
        metrics.histograms.set(name, metrics.histograms.get(name) ?? []);
      else values(id)?.set(name, values(id)?.get(name) ?? 0n);
      return id;
    },
    increment: (id, delta) => {
      if ((id & TYPE_MASK) === METRIC_COUNTER) {
        if (!names.has(id)) return STATUS_NOT_FOUND;
        return delta > 0n ? change(id, (before) => before + delta) : STATUS_BAD_ARGUMENT;
      }
      if ((id & TYPE_MASK) === METRIC_GAUGE) return change(id, (before) => before + delta);
      return STATUS_BAD_ARGUMENT;
    },
    record: (id, value) => {
      const name = names.get(id);
      if (name === undefined) return STATUS_NOT_FOUND;
      if ((id & TYPE_MASK) === METRIC_HISTOGRAM) {
        metrics.histograms.get(name)?.push(value);
        return STATUS_OK;
      }
      return change(id, (before) => ((id & TYPE_MASK) === METRIC_COUNTER ? before + value : value));
    },
    read: (id) => {
      const name = names.get(id);
      const store = values(id);
      if (store === undefined) return STATUS_BAD_ARGUMENT;
      return name === undefined ? STATUS_NOT_FOUND : (store.get(name) ?? 0n);
    },
    count: () => names.size,
  };
}
