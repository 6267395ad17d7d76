// As much of Kubernetes' API as istiod asks for, over HTTP: list, watch, get and harmless writes.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Json } from "../../control/envoy/json.ts";
import { LOOPBACK } from "../support/envoy.ts";
import { createStore, type Store, type Stored } from "./stub-store.ts";

export type StubApi = Pick<Store, "apply" | "remove"> & {
  port: number;
  stop(): Promise<void>;
};

const VERSION = { major: "1", minor: "36", gitVersion: "v1.36.0", platform: "linux/amd64" };

/** `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB` in its parts. */
type Path = {
  group: string;
  version: string;
  namespace: string | undefined;
  plural: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
};

function parsePath(pathname: string): Path | null {
  const [root, ...segments] = pathname.split("/").filter(Boolean);
  if (root !== "api" && root !== "apis") return null;
  const [group = "", version = ""] = root === "api" ? ["", segments[0]] : segments;
  const rest = segments.slice(root === "api" ? 1 : 2);
  const inNamespace = rest[0] === "namespaces" && rest.length > 2;
  const [plural, name, subresource] = inNamespace ? rest.slice(2) : rest;
  const namespace = inNamespace ? rest[1] : undefined;
  return { group, version, namespace, plural, name, subresource };
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason, code };
  send(response, code, { ...status, message: reason });
}

type Asked = {
  path: Path;
  query: URLSearchParams;
  /** Only the metadata, as informers of the metadata client want it. */
  isPartial: boolean;
  request: IncomingMessage;
  response: ServerResponse;
};

const versionOf = ({ group, version }: Path): string => (group ? `${group}/${version}` : version);

function view(object: Stored, { path, isPartial }: Asked): Json {
  const { metadata } = object;
  if (isPartial) {
    return { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata };
  }
  return { ...object, apiVersion: versionOf(path) };
}

const resourceOf = ({ group, plural }: Path): string => `${group}/${plural}`;

function fieldName({ query }: Asked): string | undefined {
  return /metadata\.name=([^,]+)/.exec(query.get("fieldSelector") ?? "")?.[1];
}

function answerWatch(store: Store, asked: Asked): void {
  const { path, response, query } = asked;
  // Then the client lists first, which is simpler to answer.
  if (query.get("sendInitialEvents")) {
    refuse(response, 422, "Invalid");
    return;
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  const end = store.watch({
    resource: resourceOf(path),
    namespace: path.namespace,
    name: fieldName(asked),
    send: (type, object) => {
      response.write(`${JSON.stringify({ type, object: view(object, asked) })}\n`);
    },
  });
  response.once("close", end);
}

function answerRead(store: Store, asked: Asked): void {
  const { path, query, response, isPartial } = asked;
  if (path.name !== undefined) {
    const [object] = store.list(resourceOf(path), path.namespace, path.name);
    if (object) send(response, 200, view(object, asked));
    else refuse(response, 404, "NotFound");
    return;
  }
  if (query.get("watch")) {
    answerWatch(store, asked);
    return;
  }
  const kind = isPartial ? "PartialObjectMetadata" : store.kindOf(path.plural ?? "");
  const apiVersion = isPartial ? "meta.k8s.io/v1" : versionOf(path);
  send(response, 200, {
    ...(kind === undefined ? {} : { kind: `${kind}List`, apiVersion }),
    metadata: { resourceVersion: store.version() },
    items: store
      .list(resourceOf(path), path.namespace, fieldName(asked))
      .map((object) => view(object, asked)),
  });
}

async function answerWrite(store: Store, asked: Asked): Promise<void> {
  const { request, response, path } = asked;
  const body = await text(request);
  if (request.method === "DELETE") {
    send(response, 200, { kind: "Status", apiVersion: "v1", status: "Success" });
    return;
  }
  if (request.method === "PATCH") {
    answerRead(store, asked);
    return;
  }
  // What is not JSON (protobuf of a leader's lease) is not kept.
  if (!body.startsWith("{")) {
    refuse(response, 415, "UnsupportedMediaType");
    return;
  }
  const object = JSON.parse(body) as Stored;
  object.metadata ??= { name: path.name ?? "" };
  if (path.namespace !== undefined) object.metadata.namespace = path.namespace;
  if (path.subresource === undefined) {
    store.apply({ ...object, kind: object.kind, apiVersion: versionOf(path) });
  }
  send(response, request.method === "POST" ? 201 : 200, object);
}

async function answer(store: Store, request: IncomingMessage, response: ServerResponse) {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://stub");
  if (pathname === "/version") return send(response, 200, VERSION);
  if (/^\/(readyz|livez|healthz)$/.test(pathname)) return response.end("ok");
  const path = parsePath(pathname);
  if (path === null) return refuse(response, 404, "NotFound");
  if (path.plural === undefined) {
    const groupVersion = versionOf(path);
    return send(response, 200, {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion,
      resources: [],
    });
  }
  const isPartial = /as=PartialObjectMetadata/.test(request.headers.accept ?? "");
  const asked: Asked = { path, query: searchParams, isPartial, request, response };
  if (request.method === "GET") return answerRead(store, asked);
  return answerWrite(store, asked);
}

/** Serves the objects on a free port of loopback. */
export async function startStubApi(objects: readonly Stored[]): Promise<StubApi> {
  const store = createStore();
  for (const object of objects) store.apply(object);
  const server = createServer((request, response) => {
    answer(store, request, response).catch(() => refuse(response, 500, "InternalError"));
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    apply: store.apply,
    remove: store.remove,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
