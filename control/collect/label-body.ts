/** What `POST /v1/labels` takes: one label, several, or a heartbeat. */
import { z } from "zod";
import { LimenError } from "../errors.ts";
import { parseStrict } from "../strict.ts";

/** In one request; its body is bounded too. */
export const LABELS_MAX = 10_000;
export const REQUEST_ID_CHARS_MAX = 4_096;
/** A token of eight models is 232 characters. */
export const TOKEN_CHARS_MAX = 512;
const NAME_CHARS_MAX = 256;

const TIME = "milliseconds since 1970, or a time like 2026-01-31T12:00:00Z";

const label = z.strictObject({
  requestId: z.string().min(1).max(REQUEST_ID_CHARS_MAX).optional(),
  token: z.string().min(1).max(TOKEN_CHARS_MAX).optional(),
  label: z.union([z.literal([0, 1]), z.boolean()], { error: "0, 1, true or false" }),
  at: z
    .union([z.number().int().min(0), z.iso.datetime({ offset: true, error: TIME })], {
      error: TIME,
    })
    .optional(),
  source: z.string().max(NAME_CHARS_MAX).optional(),
  model: z.string().max(NAME_CHARS_MAX).optional(),
});
const many = z.strictObject({
  labels: z.array(label).min(1).max(LABELS_MAX, `at most ${LABELS_MAX} labels`),
});
const heartbeat = z.strictObject({ heartbeat: z.string().max(NAME_CHARS_MAX) });

export type PostedLabel = {
  /** One of the two. */
  requestId: string | null;
  token: string | null;
  label: 1 | 2;
  /** Milliseconds since 1970; null when the source does not say. */
  at: number | null;
  source: string | null;
  model: string;
};
export type LabelPost = { labels: PostedLabel[]; heartbeat: string | null };

function toPosted(one: z.output<typeof label>, where: string): PostedLabel {
  const { requestId = null, token = null, at } = one;
  if ((requestId === null) === (token === null)) {
    throw new LimenError("input", `${where}: give requestId or token, one of the two`);
  }
  return {
    requestId,
    token,
    label: one.label === true || one.label === 1 ? 2 : 1,
    at: typeof at === "string" ? Date.parse(at) : (at ?? null),
    source: one.source ?? null,
    model: one.model ?? "",
  };
}

function listGiven(body: unknown): z.output<typeof label>[] {
  if (Array.isArray(body)) return parseStrict(many, { labels: body }, { where: "labels" }).labels;
  if (typeof body === "object" && body !== null && "labels" in body) {
    return parseStrict(many, body, { where: "labels" }).labels;
  }
  return [parseStrict(label, body, { where: "label" })];
}

/** `{requestId | token, label, at?, source?, model?}`, a list of them, `{labels: [...]}`, or
 * `{heartbeat: SOURCE}`. Throws "input" with what is wrong. */
export function readLabelPost(body: unknown): LabelPost {
  if (typeof body === "object" && body !== null && "heartbeat" in body) {
    const given = parseStrict(heartbeat, body, { where: "heartbeat" });
    return { labels: [], heartbeat: given.heartbeat };
  }
  const labels = listGiven(body).map((one, index) => toPosted(one, `labels.${index}`));
  return { labels, heartbeat: null };
}
