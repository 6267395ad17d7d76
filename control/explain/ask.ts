import { z } from "zod";
import { duration } from "../duration.ts";
import { LimenError } from "../errors.ts";
import { parseStrict } from "../strict.ts";

export type RequestAsk = {
  kind: "request";
  method: string;
  path: string;
  /** In order; names may repeat. */
  headers: readonly (readonly [string, string])[];
};

export type ExplainAsk =
  | { kind: "last" }
  | { kind: "id"; id: string }
  | { kind: "token"; token: string }
  | { kind: "bad"; sinceMs: number }
  | RequestAsk;

const TEXT_CHARS_MAX = 8_192;
const text = z.string().min(1).max(TEXT_CHARS_MAX);
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

const askSchema = z.strictObject({
  id: text.optional(),
  token: text.optional(),
  last: z.string().optional(),
  bad: z.string().optional(),
  since: duration.optional(),
});

const requestSchema = z.strictObject({
  method: z.string().regex(METHOD, "a method like GET"),
  path: z.string().regex(/^[/*]/, "a path that begins with /"),
  headers: z.array(z.tuple([z.string().regex(METHOD, "a header name"), z.string()])).default([]),
});

/** The body of POST /v1/explain. */
export function readRequestAsk(body: unknown): RequestAsk {
  return { kind: "request", ...parseStrict(requestSchema, body, { where: "explain" }) };
}

/** The query of GET /v1/explain: one of `last`, `id=`, `token=`, or `bad` with `since=1h`. */
export function readAsk(query: URLSearchParams): ExplainAsk {
  const given = parseStrict(askSchema, Object.fromEntries(query), { where: "explain" });
  const { id, token, last, bad, since } = given;
  const chosen = [id, token, last, bad].filter((each) => each !== undefined);
  if (chosen.length !== 1 || (since !== undefined && bad === undefined)) {
    throw new LimenError("input", "explain: give one of last, id, token, or bad with since=1h");
  }
  if (id !== undefined) return { kind: "id", id };
  if (token !== undefined) return { kind: "token", token };
  if (bad !== undefined) return { kind: "bad", sinceMs: since ?? duration.parse("1h") };
  return { kind: "last" };
}
