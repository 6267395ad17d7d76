import { randomUUID } from "node:crypto";
import type { HookEvent } from "../settings-notify.ts";

/** Something that happened; `at` is in milliseconds since 1970. */
export type NotifyEvent = {
  what: HookEvent;
  at: number;
  model?: string;
  why: string;
  tableDigest?: string;
  node?: string;
};

/** An event as it is sent, to every hook under the same id. */
export type Message = { what: HookEvent; id: string; body: string };

/** Characters of one text, so that a body stays small whatever a reason or a node's name holds. */
export const MAX_TEXT = 2_000;

/** Cut text may end within a pair of surrogates, which is no JSON a strict reader takes. */
const boundText = (text: string): string =>
  (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text).toWellFormed();

/**
 * The message of an event: `type`, `timestamp` and `data` as Standard Webhooks recommends. The id
 * holds no full stop, which parts the signed text. Throws for an `at` that is no time.
 */
export function writeMessage({ what, at, ...data }: NotifyEvent): Message {
  const texts = Object.entries(data).filter(([, text]) => text !== undefined);
  const body = JSON.stringify({
    type: `limen.${what}`,
    timestamp: new Date(at).toISOString(),
    data: Object.fromEntries(texts.map(([key, text]) => [key, boundText(text)])),
  });
  return { what, id: `msg_${randomUUID()}`, body };
}
