// Every measure once more, written for reading only, over latin1 byte strings: what the filter's
// fast versions are compared with.

const u32 = (value: number): number => value >>> 0;
const rotate = (value: number, bits: number): number =>
  u32((value << bits) | (value >>> (32 - bits)));

/** MurmurHash3 x86 32 bit by Austin Appleby's description, seed 0. */
export function murmur3(text: string): number {
  const bytes = Buffer.from(text, "latin1");
  const scramble = (word: number): number =>
    Math.imul(rotate(u32(Math.imul(word, 0xcc9e2d51)), 15), 0x1b873593);
  let hash = 0;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = rotate(u32(hash ^ scramble(bytes.readUInt32LE(at))), 13);
    hash = u32(Math.imul(hash, 5) + 0xe6546b64);
  }
  let tail = 0;
  for (let rest = bytes.length - 1; rest >= at; rest--) tail = (tail << 8) | (bytes[rest] ?? 0);
  if (at < bytes.length) hash = u32(hash ^ scramble(u32(tail)));
  hash = u32(hash ^ bytes.length);
  hash = u32(Math.imul(hash ^ (hash >>> 16), 0x85ebca6b));
  hash = u32(Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35));
  return u32(hash ^ (hash >>> 16));
}

export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const byte of text) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) {
    sum -= (count / text.length) * Math.log2(count / text.length);
  }
  return Math.max(0, sum);
}

export const countOf = (text: string, bytes: RegExp): number =>
  [...text].filter((byte) => bytes.test(byte)).length;

export const longestOf = (parts: readonly string[]): number =>
  Math.max(0, ...parts.map((part) => part.length));

export function longestRun(text: string): number {
  return longestOf(text.match(/([\s\S])\1*/g) ?? []);
}

const parametersOf = (text: string): string[] => text.split("&").filter((part) => part !== "");

export const parameterCount = (text: string): number => parametersOf(text).length;

export const longestName = (text: string): number =>
  longestOf(parametersOf(text).map((part) => part.split("=")[0] ?? ""));

export function extensionLength(text: string): number {
  const last = text.split("/").at(-1) ?? "";
  return last.includes(".") ? (last.split(".").at(-1) ?? "").length : 0;
}

export const matchesOf = (text: string, patterns: RegExp): number =>
  [...text.matchAll(new RegExp(patterns.source, `${patterns.flags}g`))].length;

export function gramSum(text: string, gram: number, weights: Float32Array): number {
  let sum = 0;
  for (let at = 0; at + gram <= text.length; at++) {
    sum += weights[murmur3(text.slice(at, at + gram)) & (weights.length - 1)] ?? 0;
  }
  return sum;
}
