import { connect } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyUnpack, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, type StatusObject } from "@grpc/grpc-js";
import { NodeSchema, TypedExtensionConfigSchema } from "../../control/xds/proto/core_pb.ts";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  ResourceSchema,
} from "../../control/xds/proto/discovery_pb.ts";
import { WasmSchema } from "../../control/xds/proto/http-wasm_pb.ts";

const PATH = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs";
export const ECDS_TYPE_URL = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

export type RequestShape = MessageInitShape<typeof DiscoveryRequestSchema>;

/** A node as Envoy of that version sends it. */
export function aNode(id: string, version = "1.40.0") {
  const [majorNumber = 0, minorNumber = 0, patch = 0] = version.split(".").map(Number);
  return create(NodeSchema, {
    id,
    cluster: "edge",
    userAgentName: "envoy",
    userAgentVersionType: {
      case: "userAgentBuildVersion",
      value: { version: { majorNumber, minorNumber, patch } },
    },
  });
}

/** What a response carries, read by its own path: name, TTL and plugin configuration. */
export type Received = {
  message: DiscoveryResponse;
  name: string;
  ttlMs: number | null;
  table: string;
};

export function readReceived(message: DiscoveryResponse): Received {
  const outer = message.resources[0];
  if (outer === undefined) throw new Error("a response without a resource");
  const wrapped = anyUnpack(outer, ResourceSchema);
  const inner = wrapped?.resource ?? outer;
  const config = anyUnpack(inner, TypedExtensionConfigSchema);
  const wasm = config?.typedConfig && anyUnpack(config.typedConfig, WasmSchema);
  const configuration = wasm?.config?.configuration;
  const table = configuration && anyUnpack(configuration, BytesValueSchema)?.value;
  const ttl = wrapped?.ttl;
  return {
    message,
    name: config?.name ?? "",
    ttlMs: ttl === undefined ? null : Number(ttl.seconds) * 1000 + ttl.nanos / 1e6,
    table: Buffer.from(table ?? []).toString("latin1"),
  };
}

const PLAINTEXT = credentials.createInsecure();

export type XdsClient = ReturnType<typeof openXdsClient>;

/** One ECDS stream that does what the test says, and nothing by itself. */
export function openXdsClient(port: number, { host = "127.0.0.1", by = PLAINTEXT } = {}) {
  const client = new Client(`${host}:${port}`, by, {
    // Otherwise streams to one address share a connection.
    "grpc.use_local_subchannel_pool": 1,
  });
  const call = client.makeBidiStreamRequest(
    PATH,
    (request: RequestShape) =>
      Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request))),
    (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
  );
  const inbox: DiscoveryResponse[] = [];
  const waiting: ((message: DiscoveryResponse) => void)[] = [];
  call.on("data", (message: DiscoveryResponse) => {
    const taker = waiting.shift();
    if (taker) taker(message);
    else inbox.push(message);
  });
  call.on("error", () => {});
  const ended = new Promise<StatusObject>((resolve) => call.on("status", resolve));
  const send = (request: RequestShape): void => {
    call.write(request);
  };
  return {
    call,
    ended,
    inbox,
    send,
    /** The first request of a stream, as Envoy writes it. */
    ask(node: string, names: readonly string[], more: RequestShape = {}): void {
      send({ node: aNode(node), resourceNames: [...names], typeUrl: ECDS_TYPE_URL, ...more });
    },
    async next(timeoutMs = 5000): Promise<Received> {
      const message =
        inbox.shift() ??
        (await new Promise<DiscoveryResponse>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error("no response")), timeoutMs);
          waiting.push((one) => {
            clearTimeout(timer);
            resolve(one);
          });
        }));
      return readReceived(message);
    },
    ack({ message, name }: Received, more: RequestShape = {}): void {
      const { versionInfo, nonce, typeUrl } = message;
      send({ versionInfo, responseNonce: nonce, typeUrl, resourceNames: [name], ...more });
    },
    /** `versionInfo` is the last version accepted, as the protocol wants it. */
    nack({ message, name }: Received, text: string, versionInfo = ""): void {
      const { nonce, typeUrl } = message;
      const errorDetail = { code: 13, message: text };
      send({ versionInfo, responseNonce: nonce, typeUrl, resourceNames: [name], errorDetail });
    },
    close(): void {
      call.cancel();
      client.close();
    },
  };
}

/** A stream of a client that asks and then reads nothing, so that flow control stops the server. */
export function openDeafClient(port: number, node: string, names: readonly string[]) {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const request = { node: aNode(node), resourceNames: [...names], typeUrl: ECDS_TYPE_URL };
  const message = toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request));
  // A gRPC frame: not compressed, length, message.
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  return { close: () => session.destroy() };
}
