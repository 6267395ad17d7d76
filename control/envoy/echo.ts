// Applications for trying a proxy by hand: each answers with what reached it.
// `npx node control/envoy/echo.ts shop=8081 bots=8082`
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { LimenError } from "../errors.ts";
import type { Address } from "./bootstrap.ts";

const HOST = "127.0.0.1";

/** The answer, as JSON: who says it, the tags among the headers, the headers. */
export type EchoAnswer = {
  upstream: string;
  tags: Readonly<Record<string, string>>;
  request: string;
  headers: Readonly<Record<string, string>>;
};

export type Echo = { name: string; address: Address; close(): Promise<void> };

function describe(upstream: string, request: IncomingMessage): EchoAnswer {
  const headers = Object.entries(request.headersDistinct).map(
    ([name, values]) => [name, (values ?? []).join(", ")] as const,
  );
  // Not the whole family: x-limen-decision is a token and no tag.
  const tags = headers.filter(([name]) => /^x[-_]limen[-_](?!decision$)/.test(name));
  return {
    upstream,
    tags: Object.fromEntries(tags),
    request: `${request.method} ${request.url}`,
    headers: Object.fromEntries(headers),
  };
}

/** Listens on loopback; port 0 takes a free one. */
export async function startEcho(name: string, port = 0): Promise<Echo> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json", "x-upstream": name });
    response.end(`${JSON.stringify(describe(name, request), null, 2)}\n`);
  });
  // Closing idle connections races with the proxy's next request on them and would answer 503.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const text = `echo ${name}: ${HOST}:${port}: ${error.message}; name another port`;
      reject(new LimenError("unavailable", text, error));
    });
    server.listen(port, HOST, resolve);
  });
  const address = { host: HOST, port: (server.address() as AddressInfo).port };
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { name, address, close };
}

/** Starts one for each NAME=PORT. */
async function runEchoes(args: readonly string[]): Promise<void> {
  for (const arg of args) {
    const [, name = "", port = ""] = /^([a-z][a-z0-9-]*)=(\d{1,5})$/.exec(arg) ?? [];
    if (name === "") throw new LimenError("usage", `echo: ${arg}: give NAME=PORT, like shop=8081`);
    const echo = await startEcho(name, Number(port));
    process.stderr.write(`${echo.name} answers on ${HOST}:${echo.address.port}\n`);
  }
}

if (import.meta.main) {
  try {
    await runEchoes(process.argv.slice(2));
  } catch (thrown) {
    const error = LimenError.from(thrown, "echo");
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitCode);
  }
}
