import { type ChannelCredentials, Client, type ClientWritableStream } from "@grpc/grpc-js";

const PATH = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const asIs = (bytes: Buffer): Buffer => bytes;

export type LogStream = {
  call: ClientWritableStream<Buffer>;
  done: Promise<{ code: number; details: string }>;
  close(): void;
};

/** One access-log stream over a connection of its own. */
export function openLogStream(address: string, by: ChannelCredentials): LogStream {
  const client = new Client(address, by, { "grpc.use_local_subchannel_pool": 1 });
  const { promise, resolve } = Promise.withResolvers<{ code: number; details: string }>();
  const call = client.makeClientStreamRequest(PATH, asIs, asIs, (error) =>
    resolve(error ? { code: error.code, details: error.details } : { code: 0, details: "" }),
  );
  call.on("error", () => undefined);
  return { call, done: promise, close: () => client.close() };
}
