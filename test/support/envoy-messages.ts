// Writes access-log messages with Envoy's own .proto files, as the real one does.
import { join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import { writeRecord } from "./record.ts";

const DEPS = join(import.meta.dirname, "../../node_modules/@grpc/grpc-js-xds/deps");

type Method = { requestSerialize(message: object): Buffer };
const services = loadSync("envoy/service/accesslog/v3/als.proto", {
  includeDirs: ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((folder) =>
    join(DEPS, folder),
  ),
  keepCase: true,
});
const service = services["envoy.service.accesslog.v3.AccessLogService"] as unknown as Record<
  string,
  Method
>;

/** The bytes of a StreamAccessLogsMessage, named as in Envoy's files. */
export function writeMessage(message: object): Buffer {
  const method = service["StreamAccessLogs"];
  if (!method) throw new Error("als.proto holds no StreamAccessLogs");
  return method.requestSerialize(message);
}

/** Bytes of fewer than 2^14 as the value of a BytesValue. */
export function bytesValue(bytes: Uint8Array): Buffer {
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.from([0x0a, ...length, ...bytes]);
}

export const filterState = (record: Uint8Array): object => ({
  "wasm.limen": {
    type_url: "type.googleapis.com/google.protobuf.BytesValue",
    value: bytesValue(record),
  },
});

/** An HTTPAccessLogEntry as a request leaves it. */
export function anEntry(seq: number, request: object = {}, common: object = {}): object {
  return {
    common_properties: {
      filter_state_objects: filterState(writeRecord({ seq })),
      upstream_cluster: "shop",
      route_name: "all",
      duration: { seconds: 2, nanos: 3_500_000 },
      ...common,
    },
    request: {
      request_method: "GET",
      authority: "shop.example",
      path: "/a/b?secret=1",
      request_id: `id-${seq}`,
      ...request,
    },
    response: { response_code: { value: 200 } },
  };
}

export const identifier = (id = "node-1", cluster = "web"): object => ({
  node: { id, cluster },
  log_name: "limen",
});

/** A message with these entries; the first of a stream says who sends. */
export const aMessage = (entries: readonly object[], from?: object): Buffer =>
  writeMessage({ ...(from && { identifier: from }), http_logs: { log_entry: entries } });
