import { fromBinary } from "@bufbuild/protobuf";
import { Server, type ServerReadableStream, type ServiceDefinition, status } from "@grpc/grpc-js";
import type { Refusal } from "../auth/allow.ts";
import { type Auth, type Guard, openAuth, type Peer } from "../auth/auth.ts";
import { createGrpcCredentials, readPeer } from "../auth/grpc.ts";
import { LimenError } from "../errors.ts";
import type { NewEvent } from "../events/log.ts";
import { SERVER_OPTIONS } from "../xds/listener.ts";
import { readClaim } from "../xds/request.ts";
import { type Decoded, decodeEntry, type HashId, rejectEvent, type Sender } from "./decode.ts";
import { createIntake, type Intake, type IntakeCounters, type IntakeOptions } from "./intake.ts";
import {
  type StreamAccessLogsMessage,
  StreamAccessLogsMessageSchema,
} from "./proto/access-log_pb.ts";

export type CollectCounters = IntakeCounters & {
  /** Entries of HTTP access logs received, and what became of them. */
  entries: number;
  decisions: number;
  rejected: number;
  /** Entries without a decision record. */
  unrecorded: number;
  /** Streams open now. */
  streams: number;
};

export type CollectOptions = Omit<IntakeOptions, "onCounters"> & {
  hashId: HashId;
  /** Who may send, on the listener of the server; without it anybody who reaches it. */
  guard?: Guard;
  onCounters?: (counters: Readonly<CollectCounters>) => void;
};

export type Collector = {
  counters(): Readonly<CollectCounters>;
  /** Appends what is buffered and takes nothing more. */
  close(): Promise<void>;
};

type Collecting = {
  intake: Intake;
  guard: Guard | undefined;
  hashId: HashId;
  counts: Omit<CollectCounters, keyof IntakeCounters>;
};
type Call = ServerReadableStream<Buffer, Buffer>;

const PATH = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const asIs = (bytes: Buffer): Buffer => bytes;

/** Messages stay bytes until we read them: one that is broken must not end its stream. */
const SERVICE: ServiceDefinition = {
  streamAccessLogs: {
    path: PATH,
    requestStream: true,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

function tally(counts: Collecting["counts"], decoded: Decoded): NewEvent[] {
  counts.entries++;
  if (decoded.kind === "unrecorded") {
    counts.unrecorded++;
    return [];
  }
  if (decoded.kind === "decision") counts.decisions++;
  else counts.rejected++;
  return [decoded.event];
}

function readMessage(bytes: Uint8Array): StreamAccessLogsMessage | LimenError {
  try {
    return fromBinary(StreamAccessLogsMessageSchema, bytes);
  } catch (thrown) {
    return LimenError.from(thrown, "access-log message");
  }
}

type Read = { events: NewEvent[]; sender: Sender | undefined; refusal?: Refusal };

/** The events of a message, and who sends from now on: only the first message names the node. */
function readEvents(
  collecting: Collecting,
  bytes: Uint8Array,
  known: Sender | undefined,
  peer: Peer | undefined,
): Read {
  const { counts, hashId } = collecting;
  const message = readMessage(bytes);
  if (message instanceof LimenError) {
    counts.rejected++;
    // Of somebody who has not said who it is nothing is stored.
    return { events: known ? [rejectEvent(message.message, known)] : [], sender: known };
  }
  const node = message.identifier?.node;
  const refusal = node && peer?.refuse(readClaim(node), []);
  if (refusal) return { events: [], sender: known, refusal };
  const sender = node ? { node: node.id, workload: node.cluster } : known;
  if (!sender || message.logEntries.case !== "httpLogs") return { events: [], sender };
  const events = message.logEntries.value.logEntry.flatMap((entry) =>
    tally(counts, decodeEntry(entry, sender, hashId)),
  );
  return { events, sender };
}

const NAMELESS = {
  code: status.INVALID_ARGUMENT,
  details: "the first message of an access-log stream names no node; set node.id of the proxy",
};

function serveStream(
  collecting: Collecting,
  call: Call,
  reply: (error: object | null, value?: Buffer) => void,
): void {
  const { intake, counts } = collecting;
  const peer = collecting.guard?.meetPeer(readPeer(call));
  let sender: Sender | undefined;
  let open = true;
  const leave = (): boolean => {
    if (!open) return false;
    open = false;
    counts.streams--;
    return true;
  };
  counts.streams++;
  call.on("data", (bytes: Buffer) => {
    if (!open) return;
    const read = readEvents(collecting, bytes, sender, peer);
    if (read.refusal) {
      leave();
      return reply({ code: status.PERMISSION_DENIED, details: read.refusal.message });
    }
    sender = read.sender;
    const isRoomy = intake.offer(read.events);
    if (!sender?.node) {
      leave();
      reply(NAMELESS);
    } else if (!isRoomy) {
      // The proxy holds entries back meanwhile, and counts what it cannot hold.
      call.pause();
      void intake.whenRoom().then(() => call.resume());
    }
  });
  call.on("end", () => {
    if (leave()) reply(null, Buffer.alloc(0));
  });
  call.on("cancelled", leave);
  call.on("error", leave);
}

/** Serves Envoy's access-log service on a gRPC server; decisions and rejects go to `append`. */
export function addAccessLogService(server: Server, options: CollectOptions): Collector {
  const { hashId, guard, onCounters, ...rest } = options;
  const counts = { entries: 0, decisions: 0, rejected: 0, unrecorded: 0, streams: 0 };
  const intake = createIntake({
    ...rest,
    onCounters: (own) => onCounters?.({ ...counts, ...own }),
  });
  const collecting: Collecting = { intake, guard, hashId, counts };
  server.addService(SERVICE, {
    streamAccessLogs: (call: Call, reply: (error: object | null, value?: Buffer) => void) =>
      serveStream(collecting, call, reply),
  });
  return {
    counters: () => ({ ...counts, ...intake.counters() }),
    close: () => intake.close(),
  };
}

/** The service on a port of its own; `address` is HOST:PORT, port 0 for any. */
export async function startAccessLogServer(
  options: Omit<CollectOptions, "guard"> & { address: string; auth?: Auth },
): Promise<Collector & { port: number }> {
  const { address, auth = openAuth(null, () => {}), ...rest } = options;
  const guard = auth.guard(address, "access-log service");
  // forceShutdown() knows connections by channelz only.
  const server = new Server({ ...SERVER_OPTIONS, "grpc.enable_channelz": 1 });
  const collector = addAccessLogService(server, { ...rest, guard });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, createGrpcCredentials(guard.tls), (error, bound) => {
      if (!error) return resolve(bound);
      const text = `access-log service: cannot listen on ${address}: ${error.message}`;
      return reject(new LimenError("unavailable", text, error));
    });
  });
  const close = async (): Promise<void> => {
    server.forceShutdown();
    await collector.close();
  };
  return { counters: collector.counters, port, close };
}
