/** CRC-32C (Castagnoli), reflected, 8 bytes a step (Kounavis and Berry, 2005). */
const POLYNOMIAL = 0x82f63b78;
const STEP = 8;
/** One after another: what a byte comes to, that lies so many bytes before the end of a step. */
const TABLE = new Uint32Array(STEP * 256);

for (let byte = 0; byte < 256; byte++) {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
  TABLE[byte] = sum;
}
for (let at = 256; at < TABLE.length; at++) {
  const before = TABLE[at - 256] ?? 0;
  TABLE[at] = (before >>> 8) ^ (TABLE[before & 255] ?? 0);
}

/** A byte within a step, by how many come after it. */
const look = (after: number, byte: number | undefined): number =>
  TABLE[256 * after + ((byte ?? 0) & 255)] ?? 0;

const at8 = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;

/** The checksum of the bytes [from, to). */
export function sumCrc32c(bytes: Uint8Array, from: number, to: number): number {
  let sum = -1;
  let at = from;
  for (; at + STEP <= to; at += STEP) {
    sum =
      look(7, sum ^ at8(bytes, at)) ^
      look(6, (sum >>> 8) ^ at8(bytes, at + 1)) ^
      look(5, (sum >>> 16) ^ at8(bytes, at + 2)) ^
      look(4, (sum >>> 24) ^ at8(bytes, at + 3)) ^
      look(3, bytes[at + 4]) ^
      look(2, bytes[at + 5]) ^
      look(1, bytes[at + 6]) ^
      look(0, bytes[at + 7]);
  }
  for (; at < to; at++) sum = (sum >>> 8) ^ look(0, sum ^ at8(bytes, at));
  return ~sum >>> 0;
}
