import { createHmac } from "node:crypto";
import { readSecret } from "../auth/secret.ts";
import { LimenError } from "../errors.ts";

const PREFIX = "whsec_";
/** Bytes of a key, as Standard Webhooks 1.0.0 has them: 192 to 512 bits. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
const HOW = `write it: echo "${PREFIX}$(openssl rand -base64 32)" > FILE && chmod 600 FILE`;

/** The key in a text `whsec_BASE64`, or null when it is none. */
export function parseSecret(text: string): Buffer | null {
  const line = text.trim();
  if (!line.startsWith(PREFIX)) return null;
  const key = Buffer.from(line.slice(PREFIX.length), "base64");
  // Buffer.from passes over what is not base64; written back it has to be the same text.
  const same = key.toString("base64").replace(/=+$/, "");
  if (same !== line.slice(PREFIX.length).replace(/=+$/, "")) return null;
  return key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES ? null : key;
}

/** The key in a file. Throws "input" naming the file and how to write one, never what is in it. */
export function readKey(file: string): Buffer {
  const what = "notify: secret";
  const key = parseSecret(readSecret(file, what, HOW));
  if (key) return key;
  const wanted = `one line, ${PREFIX} and the base64 of ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes`;
  throw new LimenError("input", `${what} ${file}: not ${wanted}; ${HOW}`);
}

/** The value of webhook-signature: HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks). */
export function signMessage(key: Buffer, id: string, timestampS: number, body: string): string {
  const mac = createHmac("sha256", key).update(`${id}.${timestampS}.${body}`).digest("base64");
  return `v1,${mac}`;
}
