/**
 * Produce requests with record batches of format 2, written in one piece. kafkajs makes several
 * objects and buffers for each record, which costs more than all else that a collector does.
 */
import { sumCrc32c } from "./crc32c.ts";
import type { NewEvent } from "./log.ts";

export type BatchPart = {
  partition: number;
  /** Records that the producer has sent to the partition before. */
  firstSequence: number;
  events: readonly NewEvent[];
};
export type ProduceOptions = {
  topic: string;
  acks: number;
  timeoutMs: number;
  producerId: bigint;
  producerEpoch: number;
  /** By the sender's clock; topics of Limen take the broker's instead. */
  time: number;
  parts: readonly BatchPart[];
};

const FORMAT = 2;
const LENGTH_AT = 8;
/** Offset 8 and the length itself 4. */
const BEFORE_LENGTH = 12;
const CHECKSUM_AT = 17;
/** What the checksum covers: attributes 2, last offset 4, times 16, producer 10, sequence 4, count 4. */
const SUMMED_AT = 21;
const RECORDS_AT = 61;

/** Bytes of a length as a zigzag varint; -1 stands for null. */
function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value < 0 ? 1 : 2 * value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

const sizeOfBytes = (bytes: Uint8Array | null): number =>
  bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;

type Header = readonly [Buffer, Buffer];
const NO_HEADERS: readonly Header[] = [];

const headersOf = ({ headers }: NewEvent): readonly Header[] =>
  headers === undefined
    ? NO_HEADERS
    : Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]);

/** A record without its length: attributes and time 1 each, its number, key, value and headers. */
function sizeRecord({ key, value }: NewEvent, headers: readonly Header[], at: number): number {
  const own = 2 + sizeOfVarint(at) + sizeOfBytes(key) + sizeOfBytes(value);
  return headers.reduce(
    (sum, [name, text]) => sum + sizeOfBytes(name) + sizeOfBytes(text),
    own + sizeOfVarint(headers.length),
  );
}

type Writer = { bytes: Buffer; at: number };

function writeVarint(writer: Writer, value: number): void {
  const { bytes } = writer;
  let rest = value < 0 ? 1 : 2 * value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[writer.at++] = (rest % 128) + 128;
  bytes[writer.at++] = rest;
}

function writeBytes(writer: Writer, value: Uint8Array | null): void {
  writeVarint(writer, value?.length ?? -1);
  if (value === null) return;
  writer.bytes.set(value, writer.at);
  writer.at += value.length;
}

type Sized = { headers: readonly Header[]; size: number };

function writeRecord(writer: Writer, event: NewEvent, { headers, size }: Sized, at: number): void {
  writeVarint(writer, size);
  // Attributes, and the time after the batch's.
  writer.bytes[writer.at++] = 0;
  writer.bytes[writer.at++] = 0;
  writeVarint(writer, at);
  writeBytes(writer, event.key);
  writeBytes(writer, event.value);
  writeVarint(writer, headers.length);
  for (const [name, text] of headers) {
    writeBytes(writer, name);
    writeBytes(writer, text);
  }
}

/** One batch, whole. */
function writeBatch(options: ProduceOptions, { firstSequence, events }: BatchPart): Buffer {
  const sized = events.map((event, at): Sized => {
    const headers = headersOf(event);
    return { headers, size: sizeRecord(event, headers, at) };
  });
  const length = sized.reduce((sum, { size }) => sum + sizeOfVarint(size) + size, RECORDS_AT);
  const bytes = Buffer.alloc(length);
  bytes.writeInt32BE(length - BEFORE_LENGTH, LENGTH_AT);
  bytes.writeInt8(FORMAT, 16);
  bytes.writeInt32BE(events.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(options.time), 27);
  bytes.writeBigInt64BE(BigInt(options.time), 35);
  bytes.writeBigInt64BE(options.producerId, 43);
  bytes.writeInt16BE(options.producerEpoch, 51);
  bytes.writeInt32BE(firstSequence, 53);
  bytes.writeInt32BE(events.length, 57);
  const writer = { bytes, at: RECORDS_AT };
  events.forEach((event, at) => {
    writeRecord(writer, event, sized[at] as Sized, at);
  });
  bytes.writeUInt32BE(sumCrc32c(bytes, SUMMED_AT, length), CHECKSUM_AT);
  return bytes;
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** The body of a produce request of versions 3 to 8, for one topic and without a transaction. */
export function encodeProduce(options: ProduceOptions): Buffer {
  const { topic, acks, timeoutMs, parts } = options;
  const name = Buffer.from(topic);
  const body = parts.flatMap((part) => {
    const batch = writeBatch(options, part);
    return [int32(part.partition), int32(batch.length), batch];
  });
  const head = [int16(-1), int16(acks), int32(timeoutMs), int32(1), int16(name.length), name];
  return Buffer.concat([...head, int32(parts.length), ...body]);
}
