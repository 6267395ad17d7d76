import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { HOST } from "./ports.ts";

/** What an upstream of the demo answers: who it is and which tag reached it. */
export type Echo = { upstream: string; tag: string | null; method: string; path: string };
export type EchoServer = { name: string; port: number; close(): Promise<void> };

const TAG_HEADER = "x-limen-bot";

export const LABEL_HEADER = "x-limen-label";

/** What the shop's own checks say of a request id: "1" a bot, "0" none, null nothing. */
export type LabelOf = (id: string) => string | null;

/** An upstream that answers every request with an Echo, and with a label where it has one. */
export async function startUpstream(
  name: string,
  labelOf: LabelOf = () => null,
): Promise<EchoServer> {
  const server = createServer((request, answer) => {
    request.resume();
    const tag = request.headers[TAG_HEADER];
    const echo: Echo = {
      upstream: name,
      tag: typeof tag === "string" ? tag : null,
      method: request.method ?? "",
      path: request.url ?? "",
    };
    const id = request.headers["x-request-id"];
    const label = typeof id === "string" ? labelOf(id) : null;
    if (label !== null) answer.setHeader(LABEL_HEADER, label);
    answer.writeHead(200, { "content-type": "application/json" });
    answer.end(`${JSON.stringify(echo)}\n`);
  });
  // Closing idle connections races with the proxy's next request on them and would answer 503.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, resolve);
  });
  return {
    name,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
