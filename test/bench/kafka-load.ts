/** Access logs as an Envoy sends them, as bytes: made once by Envoy's own files, then numbered. */
import { EventEmitter } from "node:events";
import type { Server } from "@grpc/grpc-js";
import {
  addAccessLogService,
  type CollectOptions,
  type Collector,
} from "../../control/collect/access-log.ts";
import { BINS } from "../../models/limits.ts";
import * as layout from "../../models/record-layout.ts";
import { aMessage, filterState, identifier } from "../support/envoy-messages.ts";
import { writeRecord } from "../support/record.ts";

/** Envoy flushes at 16 KiB unless told otherwise: about 40 entries. */
export const MESSAGE_ENTRIES = 40;
/** Workers of the proxies that send; each counts its own records. */
export const VMS = 16;
/** One in fifty requests is of the audit slice, and one in fifty gets a label. */
export const LABEL_EACH = 50;
const AUDIT_EACH = 50;
const ARM_AUDIT = 2;
const DIGITS = 12;

export type LoadOptions = { tableDigest: string; segments: number };

/** Request ids as Envoy makes them: 36 characters. */
export const requestIdOf = (id: number): string =>
  `00000000-0000-4000-8000-${String(id).padStart(DIGITS, "0")}`;

const vmMarker = (at: number): bigint => 0x7f01_0203_0405_0000n + BigInt(at);

function entryOf(at: number, tableDigest: string): object {
  const record = writeRecord({ seq: 0, vm: vmMarker(at), tableDigest });
  return {
    common_properties: {
      filter_state_objects: filterState(record),
      upstream_cluster: "outbound|8080||shop.default.svc.cluster.local",
      route_name: "shop-all",
      duration: { seconds: 0, nanos: 23_500_000 },
    },
    request: {
      request_method: "GET",
      authority: "shop.example.com",
      path: "/catalog/shoes/running/4711?page=2",
      request_id: requestIdOf(900_000_000 + at),
    },
    response: { response_code: { value: 200 } },
  };
}

type Place = { id: number; record: number };
type Template = { bytes: Buffer; places: readonly Place[] };

function makeTemplate(tableDigest: string): Template {
  const numbers = Array.from({ length: MESSAGE_ENTRIES }, (_, at) => at);
  const entries = numbers.map((at) => entryOf(at, tableDigest));
  const bytes = aMessage(entries, identifier("proxy-1", "shop"));
  const marker = Buffer.alloc(8);
  const places = numbers.map((at) => {
    marker.writeBigUInt64LE(vmMarker(at));
    const id = bytes.indexOf(requestIdOf(900_000_000 + at)) + requestIdOf(0).length - DIGITS;
    return { id, record: bytes.indexOf(marker) - layout.RECORD_VM_AT };
  });
  return { bytes, places };
}

function number(bytes: Buffer, place: Place, id: number, segments: number): void {
  bytes.write(String(id).padStart(DIGITS, "0"), place.id, "latin1");
  const { record } = place;
  const model = record + layout.RECORD_HEAD;
  bytes.writeUInt32LE(Math.floor(id / VMS), record + layout.RECORD_SEQ_AT);
  bytes.writeBigUInt64LE(BigInt(1 + (id % VMS)), record + layout.RECORD_VM_AT);
  bytes.writeUInt16LE((id * 7919) % segments, model + layout.RECORD_MODEL_SEGMENT);
  // Most scores are low, as most requests are harmless.
  const bin = Math.floor(BINS * ((id * 0.618034) % 1) ** 3);
  bytes.writeUInt16LE(bin, model + layout.RECORD_MODEL_BIN);
  bytes.writeUInt8(id % AUDIT_EACH === 0 ? ARM_AUDIT : 0, model + layout.RECORD_MODEL_ARM);
}

/** Makes the message that holds the entries numbered from `first` on. */
export function createMessages({ tableDigest, segments }: LoadOptions): (first: number) => Buffer {
  const template = makeTemplate(tableDigest);
  return (first) => {
    const bytes = Buffer.from(template.bytes);
    template.places.forEach((place, at) => {
      number(bytes, place, first + at, segments);
    });
    return bytes;
  };
}

type Handler = (call: EventEmitter, reply: (error: object | null) => void) => void;
type Feed = { collector: Collector; send: (messages: readonly Buffer[]) => Promise<void> };

/**
 * The collector's service with its streams but without HTTP/2: messages come one a turn of the event
 * loop, as off a socket, and stop while it asks for that.
 */
export function openFeed(options: CollectOptions): Feed {
  let handler: Handler | undefined;
  const server = {
    addService: (_: unknown, own: { streamAccessLogs: Handler }) => {
      handler = own.streamAccessLogs;
    },
  };
  const collector = addAccessLogService(server as unknown as Server, options);
  const send = async (messages: readonly Buffer[]): Promise<void> => {
    let resume: (() => void) | undefined;
    let waiting: Promise<void> | undefined;
    const call = Object.assign(new EventEmitter(), {
      pause: () => {
        waiting ??= new Promise((resolve) => {
          resume = resolve;
        });
      },
      resume: () => {
        waiting = undefined;
        resume?.();
      },
    });
    handler?.(call, (error) => {
      if (error) throw new Error(JSON.stringify(error));
    });
    for (const message of messages) {
      call.emit("data", message);
      await (waiting ?? new Promise(setImmediate));
    }
    call.emit("end");
  };
  return { collector, send };
}
