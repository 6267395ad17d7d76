import { fromBinary } from "@bufbuild/protobuf";
import {
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { LimenError } from "../errors.ts";
import type { NewEvent } from "../events/log.ts";
import { LOOPBACK_ADDRESS } from "../loopback.ts";
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
  onCounters?: (counters: Readonly<CollectCounters>) => void;
};

export type Collector = {
  counters(): Readonly<CollectCounters>;
  /** Appends what is buffered and takes nothing more. */
  close(): Promise<void>;
};

type Collecting = {
  intake: Intake;
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

/** The events of a message, and who sends from now on: only the first message names the node. */
function readEvents(
  collecting: Collecting,
  bytes: Uint8Array,
  known: Sender | undefined,
): { events: NewEvent[]; sender: Sender | undefined } {
  const { counts, hashId } = collecting;
  const message = readMessage(bytes);
  if (message instanceof LimenError) {
    counts.rejected++;
    const sender = known ?? { node: "", workload: "" };
    return { events: [rejectEvent(message.message, sender)], sender: known };
  }
  const node = message.identifier?.node;
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
    const read = readEvents(collecting, bytes, sender);
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
  const { hashId, onCounters, ...rest } = options;
  const counts = { entries: 0, decisions: 0, rejected: 0, unrecorded: 0, streams: 0 };
  const intake = createIntake({
    ...rest,
    onCounters: (own) => onCounters?.({ ...counts, ...own }),
  });
  const collecting: Collecting = { intake, hashId, counts };
  server.addService(SERVICE, {
    streamAccessLogs: (call: Call, reply: (error: object | null, value?: Buffer) => void) =>
      serveStream(collecting, call, reply),
  });
  return {
    counters: () => ({ ...counts, ...intake.counters() }),
    close: () => intake.close(),
  };
}

/** The service on a port of its own; `address` is HOST:PORT on loopback, port 0 for any. */
export async function startAccessLogServer(
  options: CollectOptions & { address: string },
): Promise<Collector & { port: number }> {
  const { address, ...rest } = options;
  if (!LOOPBACK_ADDRESS.test(address)) {
    throw new LimenError(
      "usage",
      `access-log service: ${address} is not on loopback; use 127.0.0.1:PORT until listeners check who calls`,
    );
  }
  const server = new Server();
  const collector = addAccessLogService(server, rest);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
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
