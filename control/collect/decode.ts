import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { LimenError } from "../errors.ts";
import { DecisionSchema } from "../events/decision_pb.ts";
import type { NewEvent } from "../events/log.ts";
import { RejectedSchema } from "../events/rejected_pb.ts";
import {
  type AccessLogCommon,
  type HTTPAccessLogEntry,
  HTTPAccessLogEntrySchema,
  MetadataSchema,
} from "./proto/access-log_pb.ts";
import { createEntryFields, readEntry } from "./read-entry.ts";
import { isRecord, readRecord } from "./record.ts";
import { createDecisionWriter } from "./write-decision.ts";

/** Who sent an entry: Envoy's node id and cluster. */
export type Sender = { node: string; workload: string };
/** The key of a request id: the hash that the token carries too. */
export type HashId = (id: Uint8Array) => Uint8Array;
export type Decoded =
  | { kind: "decision"; event: NewEvent }
  | { kind: "rejected"; event: NewEvent; reason: string }
  /** No filter of ours saw the request, or it died before it wrote a record. */
  | { kind: "unrecorded" };

/** Where the filter's `set_property("limen")` lands. */
const RECORD_KEY = "wasm.limen";
const BYTES_VALUE = "type.googleapis.com/google.protobuf.BytesValue";
const METADATA_NAMESPACE = "limen";

/** Texts a client chooses are cut, so that an event stays below some kilobytes. */
export const PATH_BYTES_MAX = 512;
export const AUTHORITY_BYTES_MAX = 256;
export const REQUEST_ID_BYTES_MAX = 256;
export const OUTCOME_CHARS_MAX = 4096;
/** The largest record with a full vector is 2,152 bytes. */
export const REJECTED_RECORD_BYTES_MAX = 4096;
const DURATION_US_MAX = 2n ** 63n;

/** By number of envoy.config.core.v3.RequestMethod. */
const METHODS = [
  "",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
];

const TEXT = new TextDecoder();
const readText = (bytes: Uint8Array, max: number): string => TEXT.decode(bytes.subarray(0, max));

/** The path without query and fragment: values in them are never stored. */
function readPath(bytes: Uint8Array): string {
  const end = bytes.findIndex((byte) => byte === 0x3f || byte === 0x23);
  return readText(end < 0 ? bytes : bytes.subarray(0, end), PATH_BYTES_MAX);
}

/** Bit n - 1 for each field n that is there and not 0; fields above 32 have no bit. */
function readFlags(bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  const reader = new BinaryReader(bytes);
  let flags = 0;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const isSet = wire === 0 ? reader.uint64() !== 0n : reader.skip(wire, field).length > 0;
    if (isSet && field <= 32) flags |= 1 << (field - 1);
  }
  return flags >>> 0;
}

/** The limen namespace of the dynamic metadata, when it reads and is small enough to keep. */
function readOutcome(common: AccessLogCommon | undefined): JsonObject | undefined {
  if (!common?.metadata.length) return undefined;
  try {
    const { filterMetadata } = fromBinary(MetadataSchema, common.metadata);
    const outcome = filterMetadata[METADATA_NAMESPACE];
    if (outcome === undefined || Object.keys(outcome).length === 0) return undefined;
    return JSON.stringify(outcome).length <= OUTCOME_CHARS_MAX ? outcome : undefined;
  } catch {
    // Other filters and the application write here too: their bytes never cost us a decision.
    return undefined;
  }
}

function readDuration(common: AccessLogCommon | undefined): bigint {
  const { seconds = 0n, nanos = 0 } = common?.duration ?? {};
  const us = seconds * 1_000_000n + BigInt(Math.trunc(nanos / 1_000));
  return us >= 0n && us < DURATION_US_MAX ? us : 0n;
}

/** The record's bytes; null when the entry carries none. */
function findRecord(common: AccessLogCommon | undefined): Uint8Array | null {
  const state = common?.filterStateObjects[RECORD_KEY];
  if (!state) return null;
  if (state.typeUrl !== BYTES_VALUE) {
    throw new LimenError("input", `filter state ${RECORD_KEY}: ${state.typeUrl || "no type"}`);
  }
  return fromBinary(BytesValueSchema, state.value).value;
}

/** Where in the log something lies that could not be used. */
export type RejectedPlace = { topic: string; partition: number; offset: bigint };

/** What could not be used, as an event: the reason and the record, never the request. */
export function rejectEvent(
  reason: string,
  sender: Sender,
  record: Uint8Array = new Uint8Array(0),
  place?: RejectedPlace,
): NewEvent {
  const cut = record.slice(0, REJECTED_RECORD_BYTES_MAX);
  const value = create(RejectedSchema, { reason, ...sender, record: cut, ...place });
  return { topic: "limen.rejected", key: null, value: toBinary(RejectedSchema, value) };
}

/** The same for what was a stored decision: its sender and record, as far as they can be read. */
export function rejectStored(reason: string, value: Uint8Array, place?: RejectedPlace): NewEvent {
  try {
    const { node, workload, record } = fromBinary(DecisionSchema, value);
    return rejectEvent(reason, { node, workload }, record, place);
  } catch {
    return rejectEvent(reason, { node: "", workload: "" }, undefined, place);
  }
}

function decisionEvent(
  entry: HTTPAccessLogEntry,
  record: Uint8Array,
  sender: Sender,
  hashId: HashId,
): NewEvent {
  const { commonProperties: common, request, response } = entry;
  const id = request?.requestId ?? new Uint8Array(0);
  const outcome = readOutcome(common);
  const value = create(DecisionSchema, {
    ...sender,
    record,
    requestId: readText(id, REQUEST_ID_BYTES_MAX),
    responseCode: response?.responseCode ?? 0,
    responseFlags: readFlags(common?.responseFlags ?? new Uint8Array(0)),
    durationUs: readDuration(common),
    upstreamCluster: common?.upstreamCluster ?? "",
    routeName: common?.routeName ?? "",
    method: METHODS[request?.requestMethod ?? 0] ?? "",
    authority: readText(request?.authority ?? new Uint8Array(0), AUTHORITY_BYTES_MAX),
    path: readPath(request?.path ?? new Uint8Array(0)),
    ...(outcome && { outcome }),
  });
  return { topic: "limen.decisions", key: hashId(id), value: toBinary(DecisionSchema, value) };
}

const write = createDecisionWriter({
  authorityMax: AUTHORITY_BYTES_MAX,
  pathMax: PATH_BYTES_MAX,
  requestIdMax: REQUEST_ID_BYTES_MAX,
  methods: METHODS,
  readFlags,
});
const fields = createEntryFields();

/** The decision of an entry that is as most are; null when it has to be looked at plainly. */
function decodeQuickly(bytes: Uint8Array, sender: Sender, hashId: HashId): NewEvent | null {
  if (!readEntry(fields, bytes) || fields.record === null) return null;
  if (!isRecord(fields.record)) return null;
  try {
    const value = write(sender, fields);
    return value && { topic: "limen.decisions", key: hashId(fields.requestId), value };
  } catch {
    // The plain reader says what is wrong.
    return null;
  }
}

/** One access-log entry as the event it becomes; never throws. */
export function decodeEntry(bytes: Uint8Array, sender: Sender, hashId: HashId): Decoded {
  const event = decodeQuickly(bytes, sender, hashId);
  return event ? { kind: "decision", event } : decodeEntryPlainly(bytes, sender, hashId);
}

/** The same by generated readers and writers, for all that is not as most are. */
export function decodeEntryPlainly(bytes: Uint8Array, sender: Sender, hashId: HashId): Decoded {
  let record: Uint8Array | null = null;
  try {
    const entry = fromBinary(HTTPAccessLogEntrySchema, bytes, { readUnknownFields: false });
    record = findRecord(entry.commonProperties);
    if (record === null) return { kind: "unrecorded" };
    readRecord(record);
    return { kind: "decision", event: decisionEvent(entry, record, sender, hashId) };
  } catch (thrown) {
    const reason = LimenError.from(thrown, "access-log entry").message;
    return { kind: "rejected", reason, event: rejectEvent(reason, sender, record ?? undefined) };
  }
}
