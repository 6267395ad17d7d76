import type { Message } from "./message.ts";
import { signMessage } from "./sign.ts";

/** How an attempt ended: the status of a whole head of response, or why there was none. */
export type Outcome =
  | { status: number; retryAfterMs: number }
  | { status: null; fault: string; retryAfterMs: 0 };

export type Attempt = {
  url: string;
  key: Buffer | null;
  message: Message;
  /** Seconds since 1970 at this attempt. */
  timestampS: number;
  signal: AbortSignal;
};

/** Milliseconds of a Retry-After in seconds; the form with a date is taken for none. */
const readRetryAfter = (text: string | null): number =>
  text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : 0;

function describeFault(thrown: unknown): string {
  const { name, message, cause } = thrown as Error & {
    cause?: { code?: string; message?: string };
  };
  if (name === "TimeoutError") return "no answer in time";
  return cause?.code ?? cause?.message ?? message;
}

/** Posts a message once. Follows no redirect, reads no body of the answer, never throws. */
export async function attemptPost(attempt: Attempt): Promise<Outcome> {
  const { url, key, message, timestampS, signal } = attempt;
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      signal,
      headers: {
        "content-type": "application/json",
        "user-agent": "limen",
        "webhook-id": message.id,
        "webhook-timestamp": String(timestampS),
        ...(key && { "webhook-signature": signMessage(key, message.id, timestampS, message.body) }),
      },
      body: message.body,
    });
    // Not awaited: a body that never ends may not hold the queue.
    response.body?.cancel().catch(() => {});
    const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
    return { status: response.status, retryAfterMs };
  } catch (thrown) {
    return { status: null, fault: describeFault(thrown), retryAfterMs: 0 };
  }
}
