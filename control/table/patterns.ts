import { CLASS_SIZE } from "../../models/table-layout.ts";
import { refuse } from "./cap.ts";

/** A byte class: 256 bits, byte b is bit b % 8 of byte b / 8. */
export type ByteClass = Uint8Array;

/** The class of the bytes for which the test holds. */
export function buildClass(holds: (byte: number) => boolean): ByteClass {
  const set = new Uint8Array(CLASS_SIZE);
  for (let byte = 0; byte < 256; byte++) {
    if (holds(byte)) set[byte >> 3] = (set[byte >> 3] ?? 0) | (1 << (byte & 7));
  }
  return set;
}

export function hasByte(set: ByteClass, byte: number): boolean {
  return (((set[byte >> 3] ?? 0) >> (byte & 7)) & 1) === 1;
}

export function uniteClasses(classes: readonly ByteClass[]): ByteClass {
  return buildClass((byte) => classes.some((set) => hasByte(set, byte)));
}

const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;

/** Adds the other ASCII case of each letter in the class. */
export function foldClass(set: ByteClass): ByteClass {
  return buildClass(
    (byte) =>
      hasByte(set, byte) ||
      (isUpper(byte) && hasByte(set, byte + 32)) ||
      (isLower(byte) && hasByte(set, byte - 32)),
  );
}

const ENCODER = new TextEncoder();
const ESCAPED = new Set('\\[]-^"'.split(""));

type Unit = { bytes: Uint8Array; next: number };

/** One character, or one escape (`\xNN`, `\\`, `\[`, `\]`, `\-`, `\^`, `\"`), at a position. */
function readUnit(field: string, text: string, at: number): Unit {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (character !== "\\") {
    return { bytes: ENCODER.encode(character), next: at + character.length };
  }
  const hex = /^\\x([0-9a-fA-F]{2})/.exec(text.slice(at, at + 4))?.[1];
  if (hex !== undefined) return { bytes: Uint8Array.of(Number.parseInt(hex, 16)), next: at + 4 };
  const escaped = text[at + 1] ?? "";
  if (!ESCAPED.has(escaped)) {
    throw refuse(
      field,
      `"\\${escaped}" in "${text}" is no escape; write \\\\ for a backslash or \\xNN`,
    );
  }
  return { bytes: ENCODER.encode(escaped), next: at + 2 };
}

/** Literal bytes with escapes: `except` and `split` of a feature. */
export function parseBytes(field: string, text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; ) {
    const unit = readUnit(field, text, at);
    bytes.push(...unit.bytes);
    at = unit.next;
  }
  return Uint8Array.from(bytes);
}

function readClassByte(field: string, text: string, at: number): { byte: number; next: number } {
  const unit = readUnit(field, text, at);
  const byte = unit.bytes[0] ?? 0;
  if (unit.bytes.length > 1) {
    throw refuse(field, `"${text}" has a non-ASCII character in [..]; name its bytes as \\xNN`);
  }
  return { byte, next: unit.next };
}

/** `[a-z0-9]` or `[^a-z]`; `at` is the position after the opening bracket. */
function readClass(field: string, text: string, at: number): { set: ByteClass; next: number } {
  const negated = text[at] === "^";
  const ranges: [number, number][] = [];
  let position = negated ? at + 1 : at;
  while (position < text.length && text[position] !== "]") {
    const from = readClassByte(field, text, position);
    let to = from;
    if (text[from.next] === "-" && from.next + 1 < text.length && text[from.next + 1] !== "]") {
      to = readClassByte(field, text, from.next + 1);
    }
    if (to.byte < from.byte) throw refuse(field, `"${text}" has a range that runs backwards`);
    ranges.push([from.byte, to.byte]);
    position = to.next;
  }
  if (text[position] !== "]") throw refuse(field, `"${text}" has "[" without "]"; \\[ is the byte`);
  if (ranges.length === 0) throw refuse(field, `"${text}" has an empty [..]`);
  const set = buildClass(
    (byte) => ranges.some(([from, to]) => byte >= from && byte <= to) !== negated,
  );
  return { set, next: position + 1 };
}

/**
 * A pattern as one byte class a byte: literal UTF-8 bytes, escapes, and `[..]` classes. `fold` adds
 * the other ASCII case. There is no repetition: a pattern matches exactly as many bytes as it has
 * classes.
 */
export function parsePattern(field: string, text: string, fold: boolean): ByteClass[] {
  const classes: ByteClass[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === "[") {
      const read = readClass(field, text, at + 1);
      classes.push(read.set);
      at = read.next;
    } else {
      const unit = readUnit(field, text, at);
      for (const literal of unit.bytes) classes.push(buildClass((byte) => byte === literal));
      at = unit.next;
    }
  }
  if (classes.length === 0) throw refuse(field, "an empty pattern matches nothing; remove it");
  return fold ? classes.map(foldClass) : classes;
}
