import { fromBinary } from "@bufbuild/protobuf";
import {
  logVerbosity,
  Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { Guard } from "../auth/auth.ts";
import { createGrpcCredentials } from "../auth/grpc.ts";
import { LimenError } from "../errors.ts";
import { explainListen } from "../explain-listen.ts";
import { type DiscoveryRequest, DiscoveryRequestSchema } from "./proto/discovery_pb.ts";

export type Call = ServerDuplexStream<DiscoveryRequest, Buffer>;

const PATH = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs";

const SERVICE: ServiceDefinition = {
  StreamExtensionConfigs: {
    path: PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: () => {
      throw new LimenError("internal", "xds: the server writes no requests");
    },
    requestDeserialize: (bytes: Buffer) => fromBinary(DiscoveryRequestSchema, bytes),
    // Responses are encoded once for all streams.
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
};

/** Of every gRPC server that proxies call. */
export const SERVER_OPTIONS = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 15_000,
  // Spreads proxies over replicas, and asks each anew for its certificate; the library varies it by
  // 10%. Without a grace an xDS stream, which never ends by itself, would outlive its age for ever.
  "grpc.max_connection_age_ms": 1_800_000,
  "grpc.max_connection_age_grace_ms": 60_000,
  // One Envoy is one connection with a stream a filter name.
  "grpc.max_concurrent_streams": 16,
  // Costs memory a socket.
  "grpc.enable_channelz": 0,
} as const;

export type Listener = {
  port: number;
  /** Refuses new connections at once, and cuts what is left a second after `drainMs`; resolves two
   * seconds later at the latest. */
  close(drainMs: number): Promise<void>;
};

/**
 * Listens for ECDS streams, with TLS as the guard has it; port 0 takes a free one. `extend` adds
 * services to the same port.
 */
export async function listen(
  address: string,
  guard: Guard,
  onCall: (call: Call) => void,
  extend?: (server: Server, guard: Guard) => void,
): Promise<Listener> {
  const server = new Server(SERVER_OPTIONS);
  server.addService(SERVICE, { StreamExtensionConfigs: onCall });
  extend?.(server, guard);
  const port = await bind(server, address, guard);
  return {
    port,
    close: (drainMs) => closeServer(server, `${hostOf(address)}:${port}`, drainMs),
  };
}

/** Of HOST:PORT. */
export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(":"));

/** Time a client has to take the end of its streams. */
const CLOSE_GRACE_MS = 1_000;
/** Time for connections that were opened and did not say who they are yet; after it they hold
 * nothing back. */
const CLOSE_LATE_MS = 2_000;
const CLOSE_LOOK_MS = 100;

function closeServer(server: Server, bound: string, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const graceMs = drainMs + CLOSE_GRACE_MS;
    // forceShutdown() of grpc-js cuts no connection when channelz is off; drain() does.
    server.drain(bound, graceMs);
    let cutting: NodeJS.Timeout | undefined;
    const late = setTimeout(() => {
      // A handshake that ends after the first look gives a connection that nobody has told.
      cutting = setInterval(() => server.drain(bound, 0), CLOSE_LOOK_MS);
    }, graceMs);
    const end = (): void => {
      for (const timer of [late, last]) clearTimeout(timer);
      clearInterval(cutting);
      resolve();
    };
    const last = setTimeout(end, graceMs + CLOSE_LATE_MS);
    server.tryShutdown(end);
  });
}

/** The port. The library would print a line of its own about what the error says. */
async function bind(server: Server, address: string, guard: Guard): Promise<number> {
  const { GRPC_VERBOSITY, GRPC_NODE_VERBOSITY } = process.env;
  const isOurs = GRPC_VERBOSITY === undefined && GRPC_NODE_VERBOSITY === undefined;
  if (isOurs) setLogVerbosity(logVerbosity.NONE);
  try {
    return await new Promise<number>((resolve, reject) => {
      server.bindAsync(address, createGrpcCredentials(guard.tls), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(explainListen("listen.xds", address, error));
      });
    });
  } finally {
    if (isOurs) setLogVerbosity(logVerbosity.ERROR);
  }
}
