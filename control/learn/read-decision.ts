/**
 * The fields of a stored decision that the fold needs, read without making a message of it: this
 * runs once a request. Whatever looks odd is read again by the plain readers, which say what it is.
 */
import { fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { ARM_COUNT, MODE_TAG, REASON_COUNT, STATUS_UNSCORED } from "../../models/decision.ts";
import { BINS, FEATURES_MAX, MODELS_MAX, SEGMENTS_MAX, TAGS_MAX } from "../../models/limits.ts";
import * as layout from "../../models/record-layout.ts";
import { readRecord } from "../collect/record.ts";
import { LimenError } from "../errors.ts";
import { DecisionSchema } from "../events/decision_pb.ts";

/** Of one decision; the same object is filled for the next one. */
export type PlainDecision = {
  node: string;
  status: number;
  reason: number;
  /** Halves of the VM's configure time. */
  vmLow: number;
  vmHigh: number;
  seq: number;
  tableDigest: string;
  models: number;
  /** By model. Bin is BIN_NONE where the model did not score. */
  segment: Uint16Array;
  bin: Uint16Array;
  arm: Uint8Array;
  code: number;
  flags: number;
  /** What the label header said; undefined without one. */
  header: string | undefined;
};

export type DecisionReader = (value: Uint8Array) => PlainDecision;

const NODE = 1;
const RECORD = 3;
const CODE = 5;
const FLAGS = 6;
const OUTCOME = 13;
/** Of nodes, digests and label headers each; a handful, unless somebody writes them at random. */
const KNOWN_MAX = 1_000;
const NO_BYTES = new Uint8Array(0);

/** Where the fields lie in the bytes: views of them would cost more than all that is read. */
type Fields = {
  bytes: Uint8Array;
  nodeAt: number;
  nodeEnd: number;
  recordAt: number;
  recordEnd: number;
  code: number;
  flags: number;
  outcomeAt: number;
  outcomeEnd: number;
};
type Cursor = { bytes: Uint8Array; at: number };

/** A varint of 32 bits; the bits above are let go. -1 when the bytes end in it. */
function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  const first = bytes[cursor.at] ?? 0xff;
  if (first < 0x80) {
    cursor.at++;
    return first;
  }
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) return -1;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  return -1;
}

/** Takes or passes over a byte string. */
function readBytes(fields: Fields, cursor: Cursor, field: number): boolean {
  const length = readVarint(cursor);
  const from = cursor.at;
  cursor.at += length;
  if (length < 0 || cursor.at > cursor.bytes.length) return false;
  if (field === NODE) [fields.nodeAt, fields.nodeEnd] = [from, cursor.at];
  else if (field === RECORD) [fields.recordAt, fields.recordEnd] = [from, cursor.at];
  else if (field === OUTCOME) [fields.outcomeAt, fields.outcomeEnd] = [from, cursor.at];
  return true;
}

function readNumber(fields: Fields, cursor: Cursor, field: number): boolean {
  const value = readVarint(cursor);
  if (field === CODE) fields.code = value;
  else if (field === FLAGS) fields.flags = value;
  return value >= 0;
}

function clearFields(fields: Fields, bytes: Uint8Array): void {
  fields.bytes = bytes;
  fields.nodeAt = fields.nodeEnd = fields.recordAt = fields.recordEnd = 0;
  fields.outcomeAt = fields.outcomeEnd = fields.code = fields.flags = 0;
}

/** Walks over the fields; false at anything but varints and byte strings that are whole. */
function walk(bytes: Uint8Array, fields: Fields): boolean {
  const cursor = { bytes, at: 0 };
  clearFields(fields, bytes);
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor);
    const wire = tag & 7;
    if (wire !== 0 && wire !== 2) return false;
    const read = wire === 2 ? readBytes : readNumber;
    if (tag < 0 || !read(fields, cursor, tag >>> 3)) return false;
  }
  return true;
}

/** Fields as the plain reader finds them; it throws what is wrong. */
function fillPlainly(fields: Fields, value: Uint8Array): void {
  const plain = fromBinary(DecisionSchema, value);
  const node = Buffer.from(plain.node);
  const { record } = plain;
  const outcome = plain.outcome
    ? toBinary(StructSchema, fromJson(StructSchema, plain.outcome))
    : NO_BYTES;
  clearFields(fields, Buffer.concat([node, record, outcome]));
  fields.nodeEnd = fields.recordAt = node.length;
  fields.recordEnd = fields.outcomeAt = node.length + record.length;
  fields.outcomeEnd = fields.bytes.length;
  fields.code = plain.responseCode;
  fields.flags = plain.responseFlags;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const u16 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
const u32 = (bytes: Uint8Array, at: number): number =>
  (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;

/** Whether head and length are those of a record; what is in it is checked while it is read. */
function isRecord({ bytes, recordAt, recordEnd }: Fields): boolean {
  const length = recordEnd - recordAt;
  if (length < layout.RECORD_HEAD) return false;
  const models = u16(bytes, recordAt + layout.RECORD_MODELS_AT);
  const features = u16(bytes, recordAt + layout.RECORD_FEATURES_AT);
  return (
    u16(bytes, recordAt + layout.RECORD_FORMAT_AT) === layout.RECORD_FORMAT &&
    models <= MODELS_MAX &&
    features <= FEATURES_MAX &&
    length === layout.RECORD_HEAD + models * layout.RECORD_MODEL_SIZE + 4 * features
  );
}

/** `at` is where the model begins. */
function readModel(decision: PlainDecision, bytes: Uint8Array, at: number, model: number): boolean {
  const segment = u16(bytes, at + layout.RECORD_MODEL_SEGMENT);
  const bin = u16(bytes, at + layout.RECORD_MODEL_BIN);
  const arm = bytes[at + layout.RECORD_MODEL_ARM] ?? ARM_COUNT;
  decision.segment[model] = segment;
  decision.bin[model] = bin;
  decision.arm[model] = arm;
  return (
    segment < SEGMENTS_MAX &&
    (bin < BINS || bin === layout.BIN_NONE) &&
    arm < ARM_COUNT &&
    (bytes[at + layout.RECORD_MODEL_TAG] ?? 0) <= TAGS_MAX &&
    (bytes[at + layout.RECORD_MODEL_MODE] ?? 0) <= MODE_TAG
  );
}

/** Fills in what the record says; false when a plain reader has to say what is wrong. */
function fillRecord(decision: PlainDecision, fields: Fields): boolean {
  if (!isRecord(fields)) return false;
  const { bytes, recordAt: from } = fields;
  decision.status = bytes[from + layout.RECORD_STATUS_AT] ?? 0;
  decision.reason = bytes[from + layout.RECORD_REASON_AT] ?? 0;
  decision.seq = u32(bytes, from + layout.RECORD_SEQ_AT);
  decision.vmLow = u32(bytes, from + layout.RECORD_VM_AT);
  decision.vmHigh = u32(bytes, from + layout.RECORD_VM_AT + 4);
  decision.models = u16(bytes, from + layout.RECORD_MODELS_AT);
  let isWhole = decision.status <= STATUS_UNSCORED && decision.reason < REASON_COUNT;
  for (let model = 0; model < decision.models; model++) {
    const at = from + layout.RECORD_HEAD + model * layout.RECORD_MODEL_SIZE;
    isWhole = readModel(decision, bytes, at, model) && isWhole;
  }
  return isWhole;
}

/** The text of `label` in the outcome of a decision, which is a google.protobuf.Struct. */
function readHeader(outcome: Uint8Array): string | undefined {
  const value = fromBinary(StructSchema, outcome).fields["label"]?.kind;
  if (value?.case === "stringValue") return value.value;
  return value?.case === "numberValue" || value?.case === "boolValue"
    ? `${value.value}`
    : undefined;
}

/** What is made of bytes that come again and again: made once. */
function createKnown<Value>(
  make: (bytes: Uint8Array) => Value,
): (bytes: Uint8Array, from: number, to: number) => Value {
  const known = new Map<string, Value>();
  let [last, value]: [Uint8Array, Value | undefined] = [NO_BYTES, undefined];
  const find = (own: Uint8Array): Value => {
    const key = Buffer.from(own).toString("latin1");
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= KNOWN_MAX) known.clear();
    const made = make(own);
    known.set(key, made);
    return made;
  };
  return (bytes, from, to) => {
    if (value !== undefined && isSame(bytes, from, to, last)) return value;
    last = bytes.slice(from, to);
    value = find(last);
    return value;
  };
}

function isSame(bytes: Uint8Array, from: number, to: number, other: Uint8Array): boolean {
  if (to - from !== other.length) return false;
  for (let at = 0; at < other.length; at++) if (bytes[from + at] !== other[at]) return false;
  return true;
}

function writeHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** A reader of stored decisions. Throws "input" with what is wrong with one. */
export function createDecisionReader(): DecisionReader {
  const decision: PlainDecision = {
    node: "",
    status: 0,
    reason: 0,
    vmLow: 0,
    vmHigh: 0,
    seq: 0,
    tableDigest: "",
    models: 0,
    segment: new Uint16Array(MODELS_MAX),
    bin: new Uint16Array(MODELS_MAX),
    arm: new Uint8Array(MODELS_MAX),
    code: 0,
    flags: 0,
    header: undefined,
  };
  const decoder = new TextDecoder();
  const nodeOf = createKnown((bytes) => decoder.decode(bytes));
  const headerOf = createKnown((bytes) => ({ text: readHeader(bytes) }));
  const digestOf = createKnown(writeHex);
  const fields = {} as Fields;
  clearFields(fields, NO_BYTES);
  return (value) => {
    if (!walk(value, fields)) fillPlainly(fields, value);
    const { bytes, recordAt, outcomeAt, outcomeEnd } = fields;
    if (!fillRecord(decision, fields)) {
      readRecord(bytes.slice(recordAt, fields.recordEnd));
      throw new LimenError("internal", "decision record: two readers disagree");
    }
    const digestAt = recordAt + layout.RECORD_DIGEST_AT;
    decision.node = nodeOf(bytes, fields.nodeAt, fields.nodeEnd);
    decision.tableDigest = digestOf(bytes, digestAt, digestAt + 8);
    decision.code = fields.code;
    decision.flags = fields.flags;
    const hasOutcome = outcomeEnd > outcomeAt;
    decision.header = hasOutcome ? headerOf(bytes, outcomeAt, outcomeEnd).text : undefined;
    return decision;
  };
}
