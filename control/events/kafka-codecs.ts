import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { lz4Decompress, snappyDecompress } from "@platformatic/wasm-utils";
import { LimenError } from "../errors.ts";

/** Of one batch, unpacked: a broker takes 8 MiB packed, and events do not shrink to an eighth. */
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

/** "\x82SNAPPY\0": blocks with a length each, as Java's snappy streams write them. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER_BYTES = 16;

function unpackSnappy(packed: Buffer): Buffer {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return snappyDecompress(packed);
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at + 4 <= packed.length; ) {
    const size = packed.readInt32BE(at);
    // The answer lies in memory that the next call writes over.
    blocks.push(Buffer.from(snappyDecompress(packed.subarray(at + 4, at + 4 + size))));
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

const CODECS: readonly ((packed: Buffer) => Buffer)[] = [
  (bytes) => bytes,
  (bytes) => gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
  unpackSnappy,
  (bytes) => lz4Decompress(bytes),
  (bytes) => zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }),
];

/** Records of a batch; `codec` is the number in the batch's attributes. */
export function unpack(codec: number, bytes: Buffer): Buffer {
  const run = CODECS[codec];
  if (run) return run(bytes);
  throw new LimenError("input", `event log: a batch packed with codec ${codec}, which is unknown`);
}
