import type { Client, Outgoing } from "../client.ts";
import { summarizeLatency } from "../latency.ts";
import { type Pace, paceItems } from "../pace.ts";

export type ReplaySummary = {
  requests: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  /** Requests without an answer, by what went wrong. */
  errors: Record<string, number>;
  seconds: number;
  /** Answers a second. */
  rate: number;
  latencyMs: { p50: number | null; p99: number | null };
};

export type ReplayProgress = { requests: number; errors: number; seconds: number };

const count = (counts: Record<string, number>, key: string): void => {
  counts[key] = (counts[key] ?? 0) + 1;
};

function nameError(thrown: unknown): string {
  const error = thrown as NodeJS.ErrnoException;
  return error.code ?? error.message ?? String(thrown);
}

async function* takeRows(rows: AsyncIterable<Outgoing>, limit: number): AsyncGenerator<Outgoing> {
  let left = limit;
  if (left === 0) return;
  for await (const row of rows) {
    yield row;
    left -= 1;
    if (left === 0) return;
  }
}

/** Sends the rows at a pace; an answer of any status is an answer, everything else an error. */
export async function replayRows(
  rows: AsyncIterable<Outgoing>,
  client: Client,
  options: Pace & { limit: number; progress?: (progress: ReplayProgress) => void },
): Promise<ReplaySummary> {
  const statuses: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const latencies: number[] = [];
  const started = performance.now();
  let requests = 0;
  let failed = 0;
  const seconds = (): number => (performance.now() - started) / 1000;
  await paceItems(takeRows(rows, options.limit), options, async (row) => {
    try {
      const reply = await client.send(row);
      count(statuses, String(reply.status));
      latencies.push(reply.ms);
    } catch (thrown) {
      count(errors, nameError(thrown));
      failed += 1;
    }
    requests += 1;
    options.progress?.({ requests, errors: failed, seconds: seconds() });
  });
  const taken = seconds();
  return {
    requests,
    statuses,
    errors,
    seconds: Math.round(taken * 100) / 100,
    rate: Math.round(latencies.length / Math.max(taken, 1e-3)),
    latencyMs: summarizeLatency(latencies),
  };
}
