import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { z } from "zod";
import { type Auth, type Guard, openAuth } from "../auth/auth.ts";
import { type Identity, nameActor } from "../auth/roles.ts";
import { HANDSHAKE_MS, type TlsFiles } from "../auth/tls-files.ts";
import { type Code, LimenError } from "../errors.ts";
import { readAsk, readRequestAsk } from "../explain/ask.ts";
import { explainListen } from "../explain-listen.ts";
import { parseStrict } from "../strict.ts";
import { ANSWER_MS, answerInTime } from "./in-time.ts";
import type { ServiceFace } from "./views.ts";

const BODY_BYTES_MAX = 1024 * 1024;
/** A page of decisions: about 1 MB of JSON. */
const DECISIONS_MAX = 5_000;
const HTTP_STATUS: Readonly<Record<Code, number>> = {
  usage: 400,
  input: 400,
  refused: 409,
  missing: 404,
  unavailable: 503,
  internal: 500,
};
/** Names a browser on another site cannot make a request carry (DNS rebinding). */
const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

const whole = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const applySchema = z.strictObject({
  set: z.record(z.string(), z.union([z.string(), z.number()])),
  by: z.string().max(200).optional(),
  dryRun: z.boolean().optional(),
});
const turnSchema = z.strictObject({ by: z.string().max(200).optional() });

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new LimenError("input", "send content-type: application/json");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) {
      throw new LimenError("input", `the body is above ${BODY_BYTES_MAX} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8") || "{}");
  } catch (thrown) {
    throw new LimenError("input", "the body is not JSON", thrown);
  }
}

function query(url: URL, name: string, preset: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return preset;
  return parseStrict(whole, text, { where: name });
}

type InTime = <Value>(what: string, work: Promise<Value>, changes?: boolean) => Promise<Value>;

async function route(
  { service, inTime }: { service: ServiceFace; inTime: InTime },
  request: IncomingMessage,
  url: URL,
  identity: Identity,
): Promise<unknown> {
  switch (`${request.method} ${url.pathname}`) {
    case "GET /v1/status":
      return service.status();
    case "GET /v1/history":
      return { events: await inTime("history", service.history(query(url, "since", 0))) };
    case "GET /v1/decisions": {
      const max = Math.min(query(url, "max", 1_000), DECISIONS_MAX);
      const [partition, since] = [query(url, "partition", 0), query(url, "since", 0)];
      return inTime("decisions", service.decisions({ partition, since, max }));
    }
    case "GET /v1/explain":
      return service.explain(readAsk(url.searchParams));
    case "POST /v1/explain":
      return service.explain(readRequestAsk(await readBody(request)));
    case "POST /v1/apply": {
      const body = parseStrict(applySchema, await readBody(request), { where: "apply" });
      const [by, dryRun] = [nameActor(identity, body.by), body.dryRun ?? false];
      return inTime("apply", service.apply({ set: body.set, by, dryRun }), !dryRun);
    }
    case "POST /v1/labels":
      return service.labels(await readBody(request), nameActor(identity, undefined));
    case "POST /v1/off":
    case "POST /v1/on": {
      const body = parseStrict(turnSchema, await readBody(request), { where: "body" });
      const to = url.pathname === "/v1/off" ? "off" : "on";
      return inTime(to, service.turn(to, nameActor(identity, body.by)), true);
    }
    default:
      throw new LimenError("missing", `no ${request.method} ${url.pathname}`);
  }
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

/** A path as it is matched; what no URL can be is no path of ours. */
function readUrl(request: IncomingMessage): URL {
  const url = URL.parse(`http://localhost${request.url ?? "/"}`);
  if (url === null) throw new LimenError("input", "the path is no path of a URL");
  return url;
}

async function handle(
  parts: { service: ServiceFace; inTime: InTime; guard: Guard },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { guard } = parts;
  const fail = (status: number, { code, message }: Pick<LimenError, "code" | "message">): void =>
    answer(response, status, { error: { code, message } });
  try {
    if (guard.isLoopback && !LOOPBACK_HOST.test(request.headers.host ?? "")) {
      throw new LimenError("refused", "this service answers to loopback names only");
    }
    const url = readUrl(request);
    const identity = guard.identify(request, url.pathname);
    if (identity.kind === "denied") {
      return fail(identity.status, { code: "refused", message: identity.message });
    }
    answer(response, 200, await route(parts, request, url, identity));
  } catch (thrown) {
    const error = LimenError.from(thrown, `${request.method} ${request.url}`);
    fail(HTTP_STATUS[error.code], error);
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A client certificate is asked for and not demanded, as a token does as well. */
function createListener(tls: TlsFiles | null, handler: Handler): { server: Server; stop(): void } {
  if (tls === null) return { server: createServer(handler), stop: () => undefined };
  const readContext = () => {
    const { certificate, key, clientCa } = tls.current();
    return { cert: certificate, key, ...(clientCa ? { ca: clientCa } : {}) };
  };
  const client = { requestCert: tls.current().clientCa !== null, rejectUnauthorized: false };
  const options = { ...readContext(), ...client, handshakeTimeout: HANDSHAKE_MS };
  const server = createTlsServer(options, handler);
  return { server, stop: tls.watch(() => server.setSecureContext(readContext())) };
}

export type ApiOptions = {
  /** Who may call; without it only loopback may. */
  auth?: Auth;
  /** Of the event log, for the error that it does not answer. */
  log?: string;
  answerMs?: number;
};

export type ApiServer = { port: number; close(): Promise<void> };

/**
 * Serves the JSON API on "HOST:PORT", off loopback by https unless the settings say plaintext;
 * port 0 takes a free one.
 */
export async function startApi(
  service: ServiceFace,
  address: string,
  { auth = openAuth(null, () => {}), log = "", answerMs = ANSWER_MS }: ApiOptions = {},
): Promise<ApiServer> {
  const inTime: InTime = (what, work, changes = false) =>
    answerInTime(work, { what, log, changes, timeoutMs: answerMs });
  const { hostname, port } = new URL(`http://${address}`);
  const guard = auth.guard(address, "listen.http");
  const { server, stop } = createListener(guard.tls, (request, response) => {
    void handle({ service, inTime, guard }, request, response);
  });
  // The server itself knows of a connection once its handshake is over.
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(explainListen("listen.http", address, error));
    });
    // URL drops the default port: 80 would read as "".
    server.listen(Number(port || "80"), hostname.replace(/^\[|\]$/g, ""), resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        stop();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
