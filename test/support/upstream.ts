// A small application behind Envoy that says what it saw.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LOOPBACK } from "./envoy.ts";

/** Its value goes into the response header `x-saw-tag`: read without parsing the body. */
const TAG_HEADER = "x-limen-bot";

/** What the application answers with, as JSON. */
export type Seen = {
  upstream: string;
  method: string;
  path: string;
  /** Name and value pairs, in order, as they came. */
  headers: readonly (readonly [string, string])[];
};

export type RunningUpstream = {
  name: string;
  address: { host: string; port: number };
  /** Requests answered or being answered. */
  count(): number;
  /** Ends every answer to `/hold`. */
  release(): void;
  stop(): Promise<void>;
};

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return raw.flatMap((text, at) => (at % 2 === 0 ? [[text, raw[at + 1] ?? ""] as const] : []));
}

/**
 * Answers every request with what it saw of it. A path that begins with `/hold` is answered with
 * headers and one line at once, and ends at `release`: a long stream. `/ok` is answered empty.
 * `x-say-label` comes back as `x-limen-label`, `x-say-status` as the status.
 */
export async function startUpstream(name: string): Promise<RunningUpstream> {
  let count = 0;
  const held = new Set<ServerResponse>();
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    count += 1;
    const { method = "", url: path = "" } = request;
    const seen: Seen = { upstream: name, method, path, headers: pairs(request.rawHeaders) };
    request.resume();
    response.setHeader("content-type", "application/json");
    response.setHeader("x-upstream", name);
    response.setHeader("x-saw-tag", request.headers[TAG_HEADER] ?? "");
    const { "x-say-label": label, "x-say-status": status } = request.headers;
    if (label !== undefined) response.setHeader("x-limen-label", label);
    response.statusCode = Number(status ?? 200);
    if (path === "/ok") {
      response.end();
      return;
    }
    if (!path.startsWith("/hold")) {
      response.end(JSON.stringify(seen));
      return;
    }
    held.add(response);
    response.once("close", () => held.delete(response));
    response.write(`${JSON.stringify(seen)}\n`);
  };
  const server = createServer({ keepAliveTimeout: 60_000 }, answer);
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  const release = (): void => {
    for (const response of held) response.end();
  };
  const stop = async (): Promise<void> => {
    release();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { name, address: { host: LOOPBACK, port }, count: () => count, release, stop };
}
