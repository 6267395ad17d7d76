import { GUEST_PAIRS_BYTES_MAX, GUEST_PAIRS_MAX } from "./abi.ts";

/**
 * Names and values are byte strings: one character of U+0000 to U+00FF a byte (latin1). Nothing is
 * ever decoded as UTF-8.
 */
export type Header = readonly [name: string, value: string];

/** A header map as Envoy keeps it: ordered, names in lower case, names may repeat. */
export type HeaderMap = {
  list(): readonly Header[];
  /** The first value only, as the host function gives it. */
  get(name: string): string | undefined;
  add(name: string, value: string): void;
  /** One value left, at the end; added when absent. */
  replace(name: string, value: string): void;
  /** Every value of the name. */
  remove(name: string): void;
  /** Everything goes, then the pairs are added one by one. */
  set(pairs: readonly Header[]): void;
  byteSize(): number;
};

/** Headers that Envoy holds once: a second value is appended to the first after a comma. */
const HELD_ONCE: ReadonlySet<string> = new Set([
  ...[":authority", ":method", ":path", ":scheme", ":protocol", "host", "user-agent"],
  ...["content-length", "content-type", "x-request-id", "x-forwarded-for", "x-forwarded-proto"],
]);

/** ASCII only: bytes above 0x7f stay as they are. */
export function lowerName(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : name;
}

function addTo(list: Header[], name: string, value: string): void {
  if (HELD_ONCE.has(name)) {
    const at = list.findIndex((header) => header[0] === name);
    const held = list[at];
    if (held !== undefined) {
      list[at] = [name, `${held[1]},${value}`];
      return;
    }
  }
  list.push([name, value]);
}

// Requests are often opened again and again with one list: it is lower-cased and encoded once. A
// list is never changed in place, so what is kept here stays true.
const normalized = new WeakMap<readonly Header[], readonly Header[]>();
const encoded = new WeakMap<readonly Header[], Buffer>();

function normalize(headers: readonly Header[]): readonly Header[] {
  const known = normalized.get(headers);
  if (known !== undefined) return known;
  const list: Header[] = [];
  for (const [name, value] of headers) addTo(list, lowerName(name), value);
  normalized.set(headers, list);
  return list;
}

export function createHeaderMap(headers: readonly Header[]): HeaderMap {
  let list = normalize(headers);
  const remove = (name: string): void => {
    const lower = lowerName(name);
    list = list.filter((header) => header[0] !== lower);
  };
  return {
    list: () => list,
    get: (name) => {
      const lower = lowerName(name);
      return list.find((header) => header[0] === lower)?.[1];
    },
    add: (name, value) => {
      const added = [...list];
      addTo(added, lowerName(name), value);
      list = added;
    },
    replace: (name, value) => {
      remove(name);
      list = [...list, [lowerName(name), value]];
    },
    remove,
    set: (pairs) => {
      list = normalize(pairs);
    },
    byteSize: () => list.reduce((sum, [name, value]) => sum + name.length + value.length, 0),
  };
}

/** As `encodePairs`, kept for a list that comes again. */
export function encodeKept(list: readonly Header[]): Buffer {
  const known = encoded.get(list) ?? encodePairs(list);
  encoded.set(list, known);
  return known;
}

/** u32 count, then (u32 name length, u32 value length) a pair, then name NUL value NUL. */
export function encodePairs(headers: readonly Header[]): Buffer {
  let size = 4;
  for (const [name, value] of headers) size += 10 + name.length + value.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(headers.length, 0);
  let lengths = 4;
  let at = 4 + 8 * headers.length;
  for (const [name, value] of headers) {
    bytes.writeUInt32LE(name.length, lengths);
    bytes.writeUInt32LE(value.length, lengths + 4);
    lengths += 8;
    at += bytes.write(name, at, "latin1");
    bytes[at++] = 0;
    at += bytes.write(value, at, "latin1");
    bytes[at++] = 0;
  }
  return bytes;
}

/** What the host reads from a guest's pairs; an empty list when anything is odd, never an error. */
export function decodePairs(bytes: Buffer): Header[] {
  if (bytes.length < 4 || bytes.length > GUEST_PAIRS_BYTES_MAX) return [];
  const count = bytes.readUInt32LE(0);
  if (count > GUEST_PAIRS_MAX || 4 + 8 * count > bytes.length) return [];
  const headers: Header[] = [];
  let at = 4 + 8 * count;
  for (let index = 0; index < count; index++) {
    const nameEnd = at + bytes.readUInt32LE(4 + 8 * index);
    const valueEnd = nameEnd + 1 + bytes.readUInt32LE(8 + 8 * index);
    if (valueEnd + 1 > bytes.length || bytes[nameEnd] !== 0 || bytes[valueEnd] !== 0) return [];
    headers.push([
      bytes.toString("latin1", at, nameEnd),
      bytes.toString("latin1", nameEnd + 1, valueEnd),
    ]);
    at = valueEnd + 1;
  }
  return at === bytes.length ? headers : [];
}
