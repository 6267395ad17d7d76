import * as layout from "../../models/record-layout.ts";
import { createHashId } from "./hash-id.ts";

/** What a token says of its decision. */
export type TokenFields = {
  /** The hash of the request id, which is the key of its decision. */
  key: Uint8Array;
  vm: bigint;
  seq: number;
  /** When it was decided, nanoseconds since 1970. */
  timeNs: bigint;
  /** 16 hex digits. */
  tableDigest: string;
};

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < layout.TOKEN_HEAD + layout.TOKEN_MAC_SIZE) return false;
  const models = bytes.readUInt16LE(layout.TOKEN_MODELS_AT);
  const length = layout.TOKEN_HEAD + models * layout.TOKEN_MODEL_SIZE + layout.TOKEN_MAC_SIZE;
  const format = bytes.readUInt16LE(layout.TOKEN_FORMAT_AT);
  return format === layout.TOKEN_FORMAT && bytes.length === length;
}

/** The text has the form of a token; whether its MAC is right is another question. */
export function isTokenText(text: string): boolean {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text && isWhole(bytes);
}

/** The fields of a text of that form, not verified. */
export function readTokenFields(text: string): TokenFields {
  const bytes = Buffer.from(text, "base64url");
  return {
    key: Uint8Array.from(bytes.subarray(layout.TOKEN_ID_AT, layout.TOKEN_ID_AT + 8)),
    vm: bytes.readBigUInt64LE(layout.TOKEN_VM_AT),
    seq: bytes.readUInt32LE(layout.TOKEN_SEQ_AT),
    timeNs: bytes.readBigUInt64LE(layout.TOKEN_TIME_AT),
    tableDigest: bytes.toString("hex", layout.TOKEN_DIGEST_AT, layout.TOKEN_DIGEST_AT + 8),
  };
}

/** The fields of a token whose MAC was made with this key; null for any other text. */
export function openToken(tokenKey: Uint8Array, text: string): TokenFields | null {
  if (!isTokenText(text)) return null;
  const bytes = Buffer.from(text, "base64url");
  const end = bytes.length - layout.TOKEN_MAC_SIZE;
  // The MAC is the same SipHash-2-4 under the same key as the hash of the id.
  const mac = createHashId(tokenKey)(bytes.subarray(0, end));
  return bytes.subarray(end).equals(mac) ? readTokenFields(text) : null;
}
