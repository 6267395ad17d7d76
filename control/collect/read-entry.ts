/**
 * The fields of an access-log entry that a decision keeps, found without making messages: this runs
 * once a request. Whatever looks odd is left to the plain reader in decode.ts.
 */

/** Views into the entry; the same object is filled for the next one. */
export type EntryFields = {
  method: number;
  authority: Uint8Array;
  path: Uint8Array;
  requestId: Uint8Array;
  code: number;
  upstreamCluster: Uint8Array;
  routeName: Uint8Array;
  responseFlags: Uint8Array;
  metadata: Uint8Array;
  seconds: number;
  nanos: number;
  /** The record of the filter; null when there is none. */
  record: Uint8Array | null;
};

const NO_BYTES = new Uint8Array(0);
const VARINT = 0;
const BYTES = 2;
const SKIPPED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

const encode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const RECORD_KEY = encode("wasm.limen");
const RECORD_TYPE = encode("type.googleapis.com/google.protobuf.BytesValue");

/** Where the reader is, in [at, end); `at` is -1 once something was odd. */
type Cursor = { bytes: Uint8Array; at: number; end: number };

/** A varint below 2^31; all else is odd. */
function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  const first = bytes[cursor.at] ?? 0xff;
  if (first < 0x80 && cursor.at < cursor.end) {
    cursor.at++;
    return first;
  }
  let value = 0;
  for (let shift = 0; shift < 35 && cursor.at < cursor.end; shift += 7) {
    const byte = bytes[cursor.at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value < 2 ** 31 ? value : fail(cursor);
  }
  return fail(cursor);
}

function fail(cursor: Cursor): number {
  cursor.at = -1;
  cursor.end = -1;
  return -1;
}

/** The bounds of a byte string; the cursor is behind it. */
function readLength(cursor: Cursor): number {
  const length = readVarint(cursor);
  if (length < 0 || cursor.at + length > cursor.end) return fail(cursor);
  cursor.at += length;
  return length;
}

function takeBytes(cursor: Cursor): Uint8Array {
  const length = readLength(cursor);
  return length <= 0 ? NO_BYTES : cursor.bytes.subarray(cursor.at - length, cursor.at);
}

/** How the fields of a message are written that are used here, and what takes one of them. */
type Shape = {
  wires: Readonly<Record<number, number>>;
  take: (fields: EntryFields, cursor: Cursor, number: number) => void;
};

function skip(cursor: Cursor, wire: number): void {
  if (wire === VARINT) {
    // Any number: negative ones have ten bytes.
    while (cursor.at < cursor.end && (cursor.bytes[cursor.at] ?? 0) >= 0x80) cursor.at++;
    cursor.at++;
  } else if (wire === BYTES) readLength(cursor);
  else cursor.at += SKIPPED_BYTES[wire] ?? Number.POSITIVE_INFINITY;
  if (cursor.at > cursor.end) fail(cursor);
}

/** Reads the fields up to the cursor's end; false when something was odd. */
function readFields(fields: EntryFields, cursor: Cursor, { wires, take }: Shape): boolean {
  while (cursor.at >= 0 && cursor.at < cursor.end) {
    const tag = readVarint(cursor);
    const wire = wires[tag >>> 3];
    if (tag < 8 || (wire !== undefined && wire !== (tag & 7))) return false;
    if (wire === undefined) skip(cursor, tag & 7);
    else take(fields, cursor, tag >>> 3);
  }
  return cursor.at >= 0;
}

/** Reads a message within; it may come in several pieces, which add up. */
function readInner(fields: EntryFields, cursor: Cursor, shape: Shape): void {
  const length = readVarint(cursor);
  const { end } = cursor;
  if (length < 0 || cursor.at + length > end) {
    fail(cursor);
    return;
  }
  cursor.end = cursor.at + length;
  if (readFields(fields, cursor, shape)) cursor.end = end;
  else fail(cursor);
}

const CODE: Shape = {
  wires: { 1: VARINT },
  take: (fields, cursor) => {
    fields.code = readVarint(cursor);
  },
};

const RESPONSE: Shape = {
  wires: { 1: BYTES },
  take: (fields, cursor) => readInner(fields, cursor, CODE),
};

const REQUEST: Shape = {
  wires: { 1: VARINT, 3: BYTES, 5: BYTES, 9: BYTES },
  take: (fields, cursor, number) => {
    if (number === 1) fields.method = readVarint(cursor);
    else if (number === 3) fields.authority = takeBytes(cursor);
    else if (number === 5) fields.path = takeBytes(cursor);
    else fields.requestId = takeBytes(cursor);
  },
};

const DURATION: Shape = {
  wires: { 1: VARINT, 2: VARINT },
  take: (fields, cursor, number) => {
    if (number === 1) fields.seconds = readVarint(cursor);
    else fields.nanos = readVarint(cursor);
  },
};

/** Whether these very bytes come next; the cursor is behind them then. */
function passBytes(cursor: Cursor, wanted: Uint8Array): boolean {
  const { bytes, at } = cursor;
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[at + index] !== wanted[index]) return false;
  }
  cursor.at += wanted.length;
  return true;
}

/** As in the tag of a byte string. */
const bytesField = (number: number): number => number * 8 + BYTES;

/** A byte string that stands alone in its message: its tag and length come next, then it ends. */
const passHead = (cursor: Cursor, number: number, end: number): boolean =>
  readVarint(cursor) === bytesField(number) && readVarint(cursor) === end - cursor.at;

/** Bytes of the form in which Envoy writes a filter state: key, Any of type and BytesValue. */
function findRecord(cursor: Cursor, end: number): Uint8Array | null {
  const isKey =
    readVarint(cursor) === bytesField(1) &&
    readVarint(cursor) === RECORD_KEY.length &&
    passBytes(cursor, RECORD_KEY);
  if (!isKey || !passHead(cursor, 2, end)) return null;
  const isType =
    readVarint(cursor) === bytesField(1) &&
    readVarint(cursor) === RECORD_TYPE.length &&
    passBytes(cursor, RECORD_TYPE);
  if (!isType || !passHead(cursor, 2, end) || !passHead(cursor, 1, end)) return null;
  return cursor.bytes.subarray(cursor.at, end);
}

/** Takes the filter state that holds the record; others are left to the plain reader. */
function readState(fields: EntryFields, cursor: Cursor): void {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  const record = length > 0 && end <= cursor.end ? findRecord(cursor, end) : null;
  if (record === null || fields.record !== null) {
    fail(cursor);
    return;
  }
  fields.record = record;
  cursor.at = end;
}

const COMMON: Shape = {
  wires: { 15: BYTES, 16: BYTES, 17: BYTES, 19: BYTES, 21: BYTES, 23: BYTES },
  take: (fields, cursor, number) => {
    if (number === 15) fields.upstreamCluster = takeBytes(cursor);
    else if (number === 16) fields.responseFlags = takeBytes(cursor);
    else if (number === 17) fields.metadata = takeBytes(cursor);
    else if (number === 19) fields.routeName = takeBytes(cursor);
    else if (number === 21) readState(fields, cursor);
    else readInner(fields, cursor, DURATION);
  },
};

const ENTRY: Shape = {
  wires: { 1: BYTES, 2: VARINT, 3: BYTES, 4: BYTES },
  take: (fields, cursor, number) => {
    if (number === 1) readInner(fields, cursor, COMMON);
    else if (number === 3) readInner(fields, cursor, REQUEST);
    else if (number === 4) readInner(fields, cursor, RESPONSE);
    else readVarint(cursor);
  },
};

export const createEntryFields = (): EntryFields => ({
  method: 0,
  authority: NO_BYTES,
  path: NO_BYTES,
  requestId: NO_BYTES,
  code: 0,
  upstreamCluster: NO_BYTES,
  routeName: NO_BYTES,
  responseFlags: NO_BYTES,
  metadata: NO_BYTES,
  seconds: 0,
  nanos: 0,
  record: null,
});

const EMPTY = Object.freeze(createEntryFields());

/** Fills in what the entry says; false when the plain reader has to look at it. */
export function readEntry(fields: EntryFields, bytes: Uint8Array): boolean {
  Object.assign(fields, EMPTY);
  return readFields(fields, { bytes, at: 0, end: bytes.length }, ENTRY);
}
