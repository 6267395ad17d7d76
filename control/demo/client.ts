import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

export type Outgoing = {
  method: string;
  /** With its query, as sent. */
  path: string;
  /** The Host header; the server's own address without it. */
  authority?: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
};

export type Reply = { status: number; ms: number; body: string };

export type Client = {
  /** Rejects when no answer came: refused, reset, later than the timeout, or not sendable. */
  send(request: Outgoing): Promise<Reply>;
  close(): void;
};

/** Each connection has its own; node writes the length and the host itself. */
const OWN_HEADERS = ["connection", "keep-alive", "transfer-encoding", "content-length", "host"];
const TIMEOUT_MS = 15_000;

/** Header values may be any bytes: node sends each character below 256 as one. */
const asBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

function listHeaders(request: Outgoing): Record<string, string> {
  const given = Object.entries(request.headers).filter(
    ([name]) => !OWN_HEADERS.includes(name.toLowerCase()) && !name.startsWith(":"),
  );
  const headers = Object.fromEntries(given.map(([name, value]) => [name, asBytes(value)]));
  if (request.authority !== undefined) headers["host"] = asBytes(request.authority);
  return headers;
}

async function readBody(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

/** A client with at most that many connections to one server, kept open between requests. */
export function openClient(url: URL, connections: number): Client {
  const secure = url.protocol === "https:";
  // A closed idle connection must not be picked again: shorter than a server's usual 60 s.
  const options = { keepAlive: true, maxSockets: connections, timeout: 30_000 } as const;
  const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  const open = secure ? requestHttps : requestHttp;
  const target = {
    agent,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? undefined : Number(url.port),
    timeout: TIMEOUT_MS,
  };
  const send = (request: Outgoing): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const headers = listHeaders(request);
      const { method, path } = request;
      const call = open({ ...target, method, path: asBytes(path), headers }, (answer) => {
        const status = answer.statusCode ?? 0;
        readBody(answer)
          .then((body) => resolve({ status, ms: performance.now() - started, body }))
          .catch(reject);
      });
      call.on("error", reject);
      call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      call.end(request.body === undefined ? undefined : request.body);
    });
  return { send, close: () => agent.destroy() };
}
