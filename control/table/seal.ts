import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { HEAD_CRC, HEAD_DIGEST } from "../../models/table-layout.ts";

export const DIGEST_BYTES = 8;

/** SHA-256 of a table with its digest and CRC zeroed, first 8 bytes. */
export function hashTable(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.fill(0, HEAD_CRC, HEAD_DIGEST + DIGEST_BYTES);
  return Uint8Array.from(createHash("sha256").update(copy).digest().subarray(0, DIGEST_BYTES));
}

/** Writes the digest, then the CRC-32 of all from the digest on, into a finished table. */
export function sealTable(bytes: Uint8Array): void {
  bytes.set(hashTable(bytes), HEAD_DIGEST);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(HEAD_CRC, crc32(bytes.subarray(HEAD_DIGEST)), true);
}

/** The digest of a table as people and records show it: 16 hex digits, bytes in order. */
export function tableDigest(bytes: Uint8Array): string {
  return Buffer.from(hashTable(bytes)).toString("hex");
}
