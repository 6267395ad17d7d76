import { LimenError } from "../errors.ts";
import { unpack } from "./kafka-codecs.ts";
import type { StoredEvent } from "./log.ts";

// Kafka's record batch, format 2: 61 bytes, then the records.
const LENGTH_AT = 8;
const FORMAT_AT = 16;
const ATTRIBUTES_AT = 21;
const LAST_DELTA_AT = 23;
const BASE_TIME_AT = 27;
const LAST_TIME_AT = 35;
const PRODUCER_AT = 43;
const COUNT_AT = 57;
const RECORDS_AT = 61;
/** Bytes before those that the length counts. */
const BEFORE_LENGTH = 12;

const CODEC_BITS = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTION_BIT = 0x10;
const CONTROL_BIT = 0x20;
/** Of the key of a control record, after two bytes of version. */
const ABORT = 0;

export type Aborted = { producerId: bigint; firstOffset: bigint };
export type Decoded = {
  events: StoredEvent[];
  /** Where the next read goes on: behind all that was decoded, also what gave no event. */
  next: bigint;
  /** Bytes that a record takes in these batches; 0 without any. */
  recordBytes: number;
};

type Reader = { bytes: Buffer; at: number };

/** Zigzag; exact to 53 bits. */
function readVarint(reader: Reader): number {
  const first = reader.bytes[reader.at] ?? 0xff;
  if (first < 0x80) {
    reader.at++;
    return first % 2 === 0 ? first / 2 : -(first + 1) / 2;
  }
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = reader.bytes.readUInt8(reader.at++);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** A view into the records of its batch, which are a copy of their own. */
function readBytes(reader: Reader): Uint8Array | null {
  const length = readVarint(reader);
  if (length < 0) return null;
  const { bytes, at } = reader;
  if (at + length > bytes.length) throw new RangeError("a record ends behind its batch");
  reader.at += length;
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
}

const readText = (reader: Reader): string => Buffer.from(readBytes(reader) ?? []).toString();

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

function readHeaders(reader: Reader): Readonly<Record<string, string>> {
  const count = readVarint(reader);
  if (count === 0) return NO_HEADERS;
  const entries: [string, string][] = [];
  for (let at = 0; at < count; at++) entries.push([readText(reader), readText(reader)]);
  return Object.fromEntries(entries);
}

type Batch = {
  bytes: Buffer;
  base: bigint;
  last: bigint;
  attributes: number;
  producerId: bigint;
  /** Of its first record by the sender's clock; of all its records by the log's, when it has one. */
  baseTime: number;
  logTime: number | null;
};

/** The next record; null when its offset is below `from`. */
function readRecord(reader: Reader, batch: Batch, partition: number, from: bigint) {
  const end = readVarint(reader) + reader.at;
  reader.at += 1;
  const ownTime = batch.baseTime + readVarint(reader);
  const offset = batch.base + BigInt(readVarint(reader));
  let event: StoredEvent | null = null;
  if (offset >= from) {
    const time = batch.logTime ?? ownTime;
    const [key, value] = [readBytes(reader), readBytes(reader)];
    event = { partition, offset, time, key, value, headers: readHeaders(reader) };
  }
  reader.at = end;
  return event;
}

/** Always a copy: the answer it lies in, with many batches, would stay in memory with one event. */
function unpackBatch({ bytes, attributes }: Batch): Buffer {
  const packed = bytes.subarray(RECORDS_AT);
  const codec = attributes & CODEC_BITS;
  const unpacked = unpack(codec, packed);
  // Codecs in wasm answer out of memory that their next call writes over.
  return Buffer.from(unpacked);
}

/** Whole batches; the last one of an answer may be cut. */
function* listBatches(bytes: Buffer): Generator<Batch> {
  for (let at = 0; at + RECORDS_AT <= bytes.length; ) {
    const size = BEFORE_LENGTH + bytes.readInt32BE(at + LENGTH_AT);
    if (at + size > bytes.length) return;
    const own = bytes.subarray(at, at + size);
    if (own.readInt8(FORMAT_AT) !== 2) {
      throw new LimenError(
        "input",
        "event log: records of a Kafka before 0.11; make the topic anew",
      );
    }
    const base = own.readBigInt64BE(0);
    const attributes = own.readInt16BE(ATTRIBUTES_AT);
    const isOfLog = (attributes & LOG_APPEND_TIME_BIT) !== 0;
    yield {
      bytes: own,
      base,
      last: base + BigInt(own.readInt32BE(LAST_DELTA_AT)),
      attributes,
      baseTime: Number(own.readBigInt64BE(BASE_TIME_AT)),
      logTime: isOfLog ? Number(own.readBigInt64BE(LAST_TIME_AT)) : null,
      producerId: own.readBigInt64BE(PRODUCER_AT),
    };
    at += size;
  }
}

/** Tells batches of aborted transactions, in the order of offsets. */
function createAbortedFilter(aborted: readonly Aborted[]): (batch: Batch) => boolean {
  const coming = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  return (batch) => {
    for (let first = coming[0]; first && first.firstOffset <= batch.last; first = coming[0]) {
      open.add(first.producerId);
      coming.shift();
    }
    if ((batch.attributes & CONTROL_BIT) === 0) {
      return (batch.attributes & TRANSACTION_BIT) !== 0 && open.has(batch.producerId);
    }
    const mark = readRecord({ bytes: unpackBatch(batch), at: 0 }, batch, 0, batch.base);
    if (mark?.key && Buffer.from(mark.key).readInt16BE(2) === ABORT) open.delete(batch.producerId);
    return true;
  };
}

export type DecodeOptions = {
  partition: number;
  from: bigint;
  max: number;
  aborted: readonly Aborted[];
};

/** Adds events of a batch until there are `max`; false when some had no room. */
function addEvents(batch: Batch, options: DecodeOptions, decoded: Decoded): boolean {
  const count = batch.bytes.readInt32BE(COUNT_AT);
  const reader = { bytes: unpackBatch(batch), at: 0 };
  for (let at = 0; at < count; at++) {
    const event = readRecord(reader, batch, options.partition, options.from);
    if (event === null) continue;
    if (decoded.events.length === options.max) return false;
    decoded.events.push(event);
    decoded.next = event.offset + 1n;
  }
  return true;
}

/** Events of the batches of one answer, without those of aborted transactions and their marks. */
export function decodeRecords(bytes: Buffer, options: DecodeOptions): Decoded {
  const isDropped = createAbortedFilter(options.aborted);
  const decoded: Decoded = { events: [], next: options.from, recordBytes: 0 };
  let [size, count] = [0, 0];
  for (const batch of listBatches(bytes)) {
    size += batch.bytes.length;
    count += batch.bytes.readInt32BE(COUNT_AT);
    decoded.recordBytes = Math.ceil(size / Math.max(1, count));
    const isTaken = !isDropped(batch) && batch.last >= options.from;
    if (isTaken && !addEvents(batch, options, decoded)) return decoded;
    if (batch.last >= decoded.next) decoded.next = batch.last + 1n;
  }
  return decoded;
}
