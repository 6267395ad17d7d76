/** The key `labels` of limen.yaml: where labels come from, and what silence means. */
import { z } from "zod";
import { RESPONSE_FLAGS } from "./collect/response-flags.ts";
import { duration, UNIT_MS } from "./duration.ts";
import type { LabelSettings, LabelSource } from "./learn/join/sources.ts";

const SOURCES_MAX = 16;
const WINDOW_MIN_MS = 1_000;
const WINDOW_MAX_MS = 30 * UNIT_MS.d;
/** A label by status or header comes with its decision. */
const OWN_WINDOW_MS = WINDOW_MIN_MS;
const HTTP_WINDOW_MS = UNIT_MS.d;
const HEARTBEAT_MS = UNIT_MS.h;
export const LABEL_HEADER = "x-limen-label";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const RATE = /^(\d+(?:\.\d+)?)\/(s|m|h|d)$/;
const CODES = /^([1-5])xx$/;

const source = z.strictObject({
  from: z.enum(["response", "http", "status", "flag"]),
  /** As labels name it. */
  source: z.string().regex(NAME, "a name of a-z, 0-9, ., _ and -, at most 64").optional(),
  header: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "a header name in lower case")
    .optional(),
  positive: z
    .array(z.union([z.number().int().min(100).max(599), z.string()]))
    .min(1)
    .max(64)
    .optional(),
  window: duration.optional(),
  negatives: z.enum(["absence", "explicit"]).optional(),
  affectedByTag: z.boolean().optional(),
  heartbeat: duration.optional(),
  minRate: z.string().regex(RATE, "a rate like 10/h or 2/m").optional(),
});
type Given = z.output<typeof source>;

const isOwn = ({ from }: Given): boolean => from === "status" || from === "flag";

/** Why one positive of a status or flag source is none, or null. */
function findPositiveFault({ from }: Given, positive: number | string): string | null {
  if (from === "flag") {
    return RESPONSE_FLAGS.includes(String(positive))
      ? null
      : `${positive} is no response flag; one of ${RESPONSE_FLAGS.join(", ")}`;
  }
  if (typeof positive === "number" || CODES.test(positive)) return null;
  return `${positive} is no status; a number like 401, or "4xx"`;
}

type Rule = { isBroken: (given: Given) => boolean; key: keyof Given; says: string };

const isUnwatched = (given: Given): boolean => isOwn(given) || given.negatives !== "absence";
const UNWATCHED = "only where the absence of labels means something (negatives: absence)";

/** Keys that one kind of source needs and another has no use for. */
const RULES: readonly Rule[] = [
  {
    isBroken: ({ from, source: name }) => from === "http" && name === undefined,
    key: "source",
    says: "name the source, as its labels will",
  },
  {
    isBroken: ({ from, header }) => from !== "response" && header !== undefined,
    key: "header",
    says: "only a source from: response has a header",
  },
  {
    isBroken: (given) => isOwn(given) !== (given.positive !== undefined),
    key: "positive",
    says: "what is positive; needed with from: status and from: flag only",
  },
  {
    isBroken: (given) => !isOwn(given) && given.negatives === undefined,
    key: "negatives",
    says: 'say what silence means: "absence" is a negative, "explicit" nothing',
  },
  {
    isBroken: (given) => isUnwatched(given) && given.heartbeat !== undefined,
    key: "heartbeat",
    says: UNWATCHED,
  },
  {
    isBroken: (given) => isUnwatched(given) && given.minRate !== undefined,
    key: "minRate",
    says: UNWATCHED,
  },
  {
    isBroken: ({ window = WINDOW_MIN_MS }) => window < WINDOW_MIN_MS || window > WINDOW_MAX_MS,
    key: "window",
    says: "1s to 30d",
  },
];

function findFault(given: Given): [string, string] | null {
  const rule = RULES.find(({ isBroken }) => isBroken(given));
  if (rule) return [rule.key, rule.says];
  const faults = (given.positive ?? []).map((one) => findPositiveFault(given, one));
  const fault = faults.find((one) => one !== null);
  return fault === undefined ? null : ["positive", fault];
}

function codesOf({ from, positive = [] }: Given): [number, number][] {
  if (from !== "status") return [];
  return positive.map((one) => {
    const hundred = Number(CODES.exec(String(one))?.[1]) * 100;
    return Number.isNaN(hundred) ? [Number(one), Number(one)] : [hundred, hundred + 99];
  });
}

function flagsOf({ from, positive = [] }: Given): number {
  if (from !== "flag") return 0;
  return positive.reduce<number>(
    (bits, one) => bits | (1 << RESPONSE_FLAGS.indexOf(String(one))),
    0,
  );
}

function ratePerMs(text: string): number {
  const [, count, unit] = RATE.exec(text) ?? [];
  return Number(count) / UNIT_MS[(unit ?? "h") as keyof typeof UNIT_MS];
}

function toSource(given: Given): LabelSource {
  const { from, minRate } = given;
  const negatives = given.negatives ?? "absence";
  const isWatched = !isOwn(given) && negatives === "absence";
  const heartbeatMs = isWatched && minRate === undefined ? HEARTBEAT_MS : null;
  return {
    name: given.source ?? from,
    from,
    header: from === "response" ? (given.header ?? LABEL_HEADER) : null,
    codes: codesOf(given),
    flags: flagsOf(given),
    negatives,
    affectedByTag: given.affectedByTag ?? true,
    windowMs: given.window ?? (from === "http" ? HTTP_WINDOW_MS : OWN_WINDOW_MS),
    heartbeatMs: given.heartbeat ?? heartbeatMs,
    minPerMs: minRate === undefined ? null : ratePerMs(minRate),
  };
}

const checked = source.superRefine((given, context) => {
  const fault = findFault(given);
  if (fault) context.addIssue({ code: "custom", path: [fault[0]], message: fault[1] });
});

const nameOf = ({ source: name, from }: Given): string => name ?? from;

export const labelsSchema = z
  .array(checked)
  .max(SOURCES_MAX, `at most ${SOURCES_MAX} sources`)
  .superRefine((list, context) => {
    const twice = list.find((one) => list.filter((other) => nameOf(other) === nameOf(one))[1]);
    if (twice) {
      const message = `two sources are named ${nameOf(twice)}; give each a source of its own`;
      context.addIssue({ code: "custom", message });
    }
    if (list.filter(({ from }) => from === "response").length > 1) {
      const message = "one source from: response at most; one header carries the label";
      context.addIssue({ code: "custom", message });
    }
  })
  .default([]);

/** The sources and W, the largest of their windows; null without a source: nothing is joined. */
export function resolveLabels(list: z.output<typeof labelsSchema>): LabelSettings | null {
  if (list.length === 0) return null;
  const sources = list.map(toSource);
  return { sources, windowMs: Math.max(...sources.map(({ windowMs }) => windowMs)) };
}
