import * as layout from "../../models/record-layout.ts";
import { createHashId } from "./hash-id.ts";

/** What a token with a right MAC says of its decision. */
export type OpenToken = {
  /** The hash of the request id, which is the key of its decision. */
  key: Uint8Array;
  vm: bigint;
  seq: number;
  /** When it was decided, nanoseconds since 1970. */
  timeNs: bigint;
};

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < layout.TOKEN_HEAD + layout.TOKEN_MAC_SIZE) return false;
  const models = bytes.readUInt16LE(layout.TOKEN_MODELS_AT);
  const length = layout.TOKEN_HEAD + models * layout.TOKEN_MODEL_SIZE + layout.TOKEN_MAC_SIZE;
  const format = bytes.readUInt16LE(layout.TOKEN_FORMAT_AT);
  return format === layout.TOKEN_FORMAT && bytes.length === length;
}

/** A token whose MAC was made with this key; null for any other text. */
export function openToken(tokenKey: Uint8Array, text: string): OpenToken | null {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text || !isWhole(bytes)) return null;
  const end = bytes.length - layout.TOKEN_MAC_SIZE;
  // The MAC is the same SipHash-2-4 under the same key as the hash of the id.
  const mac = createHashId(tokenKey)(bytes.subarray(0, end));
  if (!bytes.subarray(end).equals(mac)) return null;
  return {
    key: Uint8Array.from(bytes.subarray(layout.TOKEN_ID_AT, layout.TOKEN_ID_AT + 8)),
    vm: bytes.readBigUInt64LE(layout.TOKEN_VM_AT),
    seq: bytes.readUInt32LE(layout.TOKEN_SEQ_AT),
    timeNs: bytes.readBigUInt64LE(layout.TOKEN_TIME_AT),
  };
}
