import type { Node, Sent } from "./subscription.ts";

/** What one proxy has of one resource; times in milliseconds since 1970. */
export type ProxyRow = {
  node: string;
  cluster: string;
  /** Envoy's version, "" when it does not say. */
  version: string;
  resource: string;
  isConnected: boolean;
  connectedAt: number;
  sent: { digest: string; at: number } | null;
  /** `ms` from send to ACK; null when the proxy came with it. */
  acked: { digest: string; at: number; ms: number | null } | null;
  nacked: { digest: string; at: number; message: string } | null;
  /** Every digest it refused and is never sent again, oldest first. */
  refused: readonly string[];
};

/** Rows kept of proxies that are gone; the oldest go first. */
const ROWS_MAX = 20_000;

export type Proxies = {
  list(): ProxyRow[];
  connect(node: Node, resource: string, held: string | null, at: number): void;
  disconnect(node: string, resource: string): void;
  send(node: string, sent: Sent): void;
  ack(node: string, sent: Sent, at: number): void;
  nack(node: string, sent: Sent, message: string, at: number): void;
};

/** One row a proxy and resource name. */
export function createProxies(
  listRefused: (node: string, resource: string) => readonly string[],
): Proxies {
  const rows = new Map<string, ProxyRow>();
  const streams = new Map<string, number>();
  const keyOf = (node: string, resource: string): string => `${resource}\n${node}`;
  const change = (node: string, resource: string, part: Partial<ProxyRow>): void => {
    const key = keyOf(node, resource);
    const row = rows.get(key);
    if (row !== undefined) rows.set(key, { ...row, ...part });
  };
  const dropOld = (): void => {
    for (const [key, row] of rows) {
      if (rows.size <= ROWS_MAX) return;
      if (!row.isConnected) rows.delete(key);
    }
  };
  return {
    list: () =>
      [...rows.values()].map((row) => ({ ...row, refused: listRefused(row.node, row.resource) })),
    connect(node, resource, held, at) {
      const key = keyOf(node.id, resource);
      const former = rows.get(key);
      const claim = held === null ? null : { digest: held, at, ms: null };
      rows.delete(key);
      rows.set(key, {
        node: node.id,
        cluster: node.cluster,
        version: node.version,
        resource,
        isConnected: true,
        connectedAt: at,
        sent: former?.sent ?? null,
        acked: former?.acked?.digest === held ? (former?.acked ?? claim) : claim,
        nacked: former?.nacked ?? null,
        refused: [],
      });
      streams.set(key, (streams.get(key) ?? 0) + 1);
      dropOld();
    },
    disconnect(node, resource) {
      const key = keyOf(node, resource);
      const left = (streams.get(key) ?? 1) - 1;
      if (left > 0) {
        streams.set(key, left);
        return;
      }
      streams.delete(key);
      change(node, resource, { isConnected: false });
    },
    send(node, sent) {
      change(node, sent.name, { sent: { digest: sent.offer.resource.digest, at: sent.at } });
    },
    ack(node, sent, at) {
      const digest = sent.offer.resource.digest;
      change(node, sent.name, { acked: { digest, at, ms: at - sent.at } });
    },
    nack(node, sent, message, at) {
      change(node, sent.name, { nacked: { digest: sent.offer.resource.digest, at, message } });
    },
  };
}
