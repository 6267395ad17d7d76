/** A dull second reader of the table layout, written from models/README.md alone. */
export type RawSection = { kind: number; index: number; offset: number; bytes: Buffer };

export function readSections(table: Uint8Array): RawSection[] {
  const bytes = Buffer.from(table);
  const count = bytes.readUInt32LE(28);
  return Array.from({ length: count }, (_, at) => {
    const entry = 32 + 16 * at;
    const offset = bytes.readUInt32LE(entry + 8);
    const length = bytes.readUInt32LE(entry + 12);
    return {
      kind: bytes.readUInt32LE(entry),
      index: bytes.readUInt32LE(entry + 4),
      offset,
      bytes: bytes.subarray(offset, offset + length),
    };
  });
}

export function sectionBytes(table: Uint8Array, kind: number, index = 0): Buffer {
  const found = readSections(table).find((each) => each.kind === kind && each.index === index);
  if (!found) throw new Error(`no section ${kind}`);
  return found.bytes;
}

/** CRC-32 (IEEE) bit by bit. */
export function crcBitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
