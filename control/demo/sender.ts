import type { Client } from "./client.ts";
import type { Ledger } from "./ledger.ts";
import { paceItems } from "./pace.ts";
import type { Random } from "./random.ts";
import type { Mix } from "./traffic/generate.ts";
import type { DemoRequest } from "./traffic/request.ts";
import type { Truths } from "./truth.ts";
import type { Echo } from "./upstreams.ts";

/** Enough for the rate at any latency seen; more would only queue in the proxy. */
export const CONNECTIONS = 32;

export type Traffic = {
  client: Client;
  ledger: Ledger;
  /** For request ids only: the traffic has a stream of its own. */
  ids: Random;
  draw: (mix: Mix) => DemoRequest;
  /** Where the shop's own checks learn the truth; without it no request is labelled. */
  truths?: Truths;
  /** Requests sent so far. */
  count: number;
};

function readEcho(body: string): Pick<Echo, "upstream" | "tag"> | null {
  try {
    return JSON.parse(body) as Echo;
  } catch {
    return null;
  }
}

/** A request id as Envoy itself would make one: a random UUID (version 4). */
export function drawRequestId(random: Random): string {
  const hex = random.hex(30);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(12, 15)}`,
    `8${hex.slice(15, 18)}`,
  ];
  return [...parts, hex.slice(18)].join("-");
}

/** Sends one request and writes it down with its answer. */
export async function sendOne(
  traffic: Traffic,
  request: DemoRequest,
  phase: string,
): Promise<void> {
  const { client, ledger, ids } = traffic;
  const { method, path, authority, truth } = request;
  const id = drawRequestId(ids);
  const n = traffic.count;
  traffic.count += 1;
  const headers = { ...request.headers, "x-request-id": id };
  traffic.truths?.note(id, truth.bot);
  try {
    const reply = await client.send({ method, path, authority, headers });
    const echo = readEcho(reply.body);
    ledger.sent.push({
      n,
      id,
      phase,
      truth,
      ok: reply.status === 200 && echo !== null,
      upstream: echo?.upstream ?? null,
      tag: echo?.tag ?? null,
    });
  } catch {
    ledger.sent.push({ n, id, phase, truth, ok: false, upstream: null, tag: null });
  }
}

export type Stretch = {
  phase: string;
  requests: number;
  mix: Mix;
  rate: number;
  signal: AbortSignal;
};

/** Sends a stretch of traffic at its rate. */
export function sendStretch(traffic: Traffic, stretch: Stretch): Promise<void> {
  function* draw(): Generator<DemoRequest> {
    for (let i = 0; i < stretch.requests; i += 1) yield traffic.draw(stretch.mix);
  }
  const { rate, signal } = stretch;
  return paceItems(draw(), { rate, inFlight: CONNECTIONS, signal }, (request) =>
    sendOne(traffic, request, stretch.phase),
  );
}
