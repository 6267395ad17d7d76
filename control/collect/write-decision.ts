/** A stored decision off the fields of an entry, byte for byte as the generated writer makes it. */
import type { EntryFields } from "./read-entry.ts";

/** What is cut, in bytes, and how methods are called by their number. */
export type WriteOptions = {
  authorityMax: number;
  pathMax: number;
  requestIdMax: number;
  methods: readonly string[];
  readFlags: (bytes: Uint8Array) => number;
};

type Sender = { node: string; workload: string };
type Writer = { bytes: Uint8Array; at: number };

const VARINT = 0;
const BYTES = 2;
/** Of one text of a sender; Envoy's own names are some hundred bytes. */
const SENDER_BYTES_MAX = 65_536;
/** Of a record: a head, 64 models and the vector. */
const RECORD_BYTES_MAX = 4_096;
/** Of names that the proxy's configuration holds. */
const NAME_BYTES_MAX = 4_096;
const SCRATCH_BYTES = 16_384;
const NO_BYTES = new Uint8Array(0);
const QUERY = 0x3f;
const FRAGMENT = 0x23;

function writeVarint(writer: Writer, value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) writer.bytes[writer.at++] = (rest % 128) + 128;
  writer.bytes[writer.at++] = rest;
}

function writeNumber(writer: Writer, field: number, value: number): void {
  if (value === 0) return;
  writeVarint(writer, field * 8 + VARINT);
  writeVarint(writer, value);
}

/** Writes the first `length` bytes; false when one of them is not ASCII. */
function writeAscii(writer: Writer, field: number, value: Uint8Array, length: number): boolean {
  if (length === 0) return true;
  writeVarint(writer, field * 8 + BYTES);
  writeVarint(writer, length);
  const { bytes, at } = writer;
  let all = 0;
  for (let index = 0; index < length; index++) {
    const byte = value[index] ?? 0;
    all |= byte;
    bytes[at + index] = byte;
  }
  writer.at += length;
  return all < 0x80;
}

function writeRecord(writer: Writer, field: number, value: Uint8Array): void {
  writeVarint(writer, field * 8 + BYTES);
  writeVarint(writer, value.length);
  writer.bytes.set(value, writer.at);
  writer.at += value.length;
}

function findPathEnd(path: Uint8Array, max: number): number {
  const end = Math.min(path.length, max);
  for (let at = 0; at < end; at++) if (path[at] === QUERY || path[at] === FRAGMENT) return at;
  return end;
}

function isPlain({ record, metadata, seconds, nanos, upstreamCluster, routeName }: EntryFields) {
  const hasNames = upstreamCluster.length <= NAME_BYTES_MAX && routeName.length <= NAME_BYTES_MAX;
  const isShort = record !== null && record.length > 0 && record.length <= RECORD_BYTES_MAX;
  return hasNames && isShort && metadata.length === 0 && seconds >= 0 && nanos >= 0;
}

/** Node and workload come first, and are the same for all entries of a stream. */
function createPrefix() {
  let [last, prefix]: [Sender | null, Uint8Array | null] = [null, null];
  return (sender: Sender): Uint8Array | null => {
    if (sender === last) return prefix;
    const [node, workload] = [Buffer.from(sender.node), Buffer.from(sender.workload)];
    const writer = { bytes: new Uint8Array(node.length + workload.length + 16), at: 0 };
    if (node.length > 0) writeRecord(writer, 1, node);
    if (workload.length > 0) writeRecord(writer, 2, workload);
    const isShort = writer.at <= SENDER_BYTES_MAX;
    [last, prefix] = [sender, isShort ? writer.bytes.slice(0, writer.at) : null];
    return prefix;
  };
}

/** Writes decisions; null when the plain writer has to. */
export function createDecisionWriter(options: WriteOptions) {
  const { authorityMax, pathMax, requestIdMax, methods, readFlags } = options;
  const writer = { bytes: new Uint8Array(SENDER_BYTES_MAX + SCRATCH_BYTES), at: 0 };
  const prefixOf = createPrefix();
  const encoded = methods.map((name) => new Uint8Array(Buffer.from(name)));
  return (sender: Sender, fields: EntryFields): Uint8Array | null => {
    const { record, requestId, authority, path } = fields;
    const prefix = isPlain(fields) ? prefixOf(sender) : null;
    if (prefix === null || record === null) return null;
    writer.bytes.set(prefix);
    writer.at = prefix.length;
    writeRecord(writer, 3, record);
    const { upstreamCluster: cluster, routeName: route } = fields;
    const text = (field: number, value: Uint8Array, max: number): boolean =>
      writeAscii(writer, field, value, Math.min(value.length, max));
    let isAscii = text(4, requestId, requestIdMax);
    writeNumber(writer, 5, fields.code);
    writeNumber(writer, 6, readFlags(fields.responseFlags));
    writeNumber(writer, 7, fields.seconds * 1_000_000 + Math.trunc(fields.nanos / 1_000));
    isAscii = text(8, cluster, NAME_BYTES_MAX) && isAscii;
    isAscii = text(9, route, NAME_BYTES_MAX) && isAscii;
    const method = encoded[fields.method] ?? NO_BYTES;
    text(10, method, method.length);
    isAscii = text(11, authority, authorityMax) && isAscii;
    isAscii = text(12, path, findPathEnd(path, pathMax)) && isAscii;
    return isAscii ? writer.bytes.slice(0, writer.at) : null;
  };
}
