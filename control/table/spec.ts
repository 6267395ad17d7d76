import { parseDocument } from "yaml";
import { z } from "zod";
import { FEATURES_MAX, SCAN_BYTES_MAX, TAGS_MAX } from "../../models/limits.ts";
import { LimenError } from "../errors.ts";
import { parseStrict } from "../strict.ts";
import { MEASURES } from "./names.ts";
import { checkPrivacy } from "./privacy.ts";
import type { Feature, Tag } from "./table.ts";

/** Keys a later version will read. */
const LATER = ["windows", "calibration", "challenger"];
const LATER_BELOW = ["window", "windows", "half-life"];

const measure = z.enum(Object.keys(MEASURES) as [string, ...string[]]);
const wholeNumber = z.number().int().positive();

const feature = z.strictObject({
  name: z.string().min(1),
  of: z.string().min(1),
  is: measure,
  any: z.array(z.string()).min(1).optional(),
  fold: z.boolean().optional(),
  except: z.string().optional(),
  split: z.string().optional(),
  ratio: z.boolean().optional(),
  max: wholeNumber.max(SCAN_BYTES_MAX).optional(),
  buckets: wholeNumber.optional(),
  gram: wholeNumber.optional(),
  weights: z.array(z.number()).optional(),
});

const tag = z.strictObject({
  value: z.string().min(1),
  header: z
    .string()
    .regex(/^x-limen-[a-z0-9-]+$/, "a header that begins with x-limen-")
    .optional(),
});

const score = z.number().min(0).max(1);

/** `model.yaml`: what a model is. */
export const modelSchema = z.strictObject({
  limen: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "a name of a-z, 0-9 and -"),
  model: z.strictObject({
    file: z.string().min(1).default("model.onnx"),
    output: z
      .strictObject({ class: z.union([z.string(), z.number().int()]).optional() })
      .optional(),
    trained: z.string().optional(),
    data: z.string().optional(),
  }),
  features: z.array(feature).min(1).max(FEATURES_MAX),
  score: z
    .strictObject({ range: z.union([z.literal("auto"), z.tuple([z.number(), z.number()])]) })
    .default({ range: "auto" }),
  tags: z.array(tag).min(1).max(TAGS_MAX),
  bounds: z.record(z.string(), z.tuple([score, score])).default({}),
  defaults: z
    .strictObject({
      cuts: z.record(z.string(), score).default({}),
      objective: z.string().optional(),
    })
    .default({ cuts: {} }),
  privacy: z.strictObject({ reads: z.array(z.string()) }).optional(),
});

/** What a model is, checked. */
export type ModelSpec = {
  name: string;
  file: string;
  /** The class asked for; undefined takes the second of a binary model. */
  class: string | undefined;
  features: readonly Feature[];
  range: "auto" | readonly [number, number];
  tags: readonly Tag[];
  bounds: Readonly<Record<string, readonly [number, number]>>;
  defaults: { cuts: Readonly<Record<string, number>>; objective: string | null };
  privacy: readonly string[] | null;
};

type Parsed = z.output<typeof modelSchema>;

function toFeature(given: Parsed["features"][number]): Feature {
  const { weights, ...rest } = given;
  const present = Object.entries(rest).filter(([, value]) => value !== undefined);
  const plain = Object.fromEntries(present) as unknown as Omit<Feature, "weights">;
  return weights ? { ...plain, weights: Float32Array.from(weights) } : plain;
}

function checkNames(where: string, parsed: Parsed): void {
  const fail = (what: string): never => {
    throw new LimenError("input", `${where}: ${what}`);
  };
  const names = parsed.features.map((each) => each.name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) fail(`features: "${twice}" is given twice`);
  const values = parsed.tags.map((each) => each.value);
  const twiceTag = values.find((value, at) => values.indexOf(value) !== at);
  if (twiceTag !== undefined) fail(`tags: "${twiceTag}" is given twice`);
  for (const [field, record] of Object.entries({
    bounds: parsed.bounds,
    "defaults.cuts": parsed.defaults.cuts,
  })) {
    const unknown = Object.keys(record).find((key) => !values.includes(key));
    if (unknown !== undefined) fail(`${field}: no tag "${unknown}"; tags: ${values.join(", ")}`);
  }
}

/** Cuts inside their bounds, and a later tag never below an earlier one. */
function checkCuts(where: string, parsed: Parsed): void {
  let last = 0;
  for (const { value } of parsed.tags) {
    const cut = parsed.defaults.cuts[value];
    if (cut === undefined) continue;
    const [low, high] = parsed.bounds[value] ?? [0, 1];
    if (cut < low || cut > high) {
      throw new LimenError(
        "input",
        `${where}: defaults.cuts.${value}: ${cut} is outside its bounds`,
      );
    }
    if (cut < last) {
      throw new LimenError(
        "input",
        `${where}: defaults.cuts.${value}: ${cut} is below the cut of an earlier tag; tags ascend`,
      );
    }
    last = cut;
  }
}

/** Checks the value of a model.yaml; errors name the file and the key. */
export function checkModelSpec(where: string, value: unknown): ModelSpec {
  const parsed = parseStrict(modelSchema, value, { where, later: LATER, laterBelow: LATER_BELOW });
  checkNames(where, parsed);
  checkCuts(where, parsed);
  const asked = parsed.model.output?.class;
  const spec: ModelSpec = {
    name: parsed.name,
    file: parsed.model.file,
    class: asked === undefined ? undefined : String(asked),
    features: parsed.features.map(toFeature),
    range: parsed.score.range,
    tags: parsed.tags.map(({ value: text, header }) => ({
      header: header ?? `x-limen-${parsed.name}`,
      value: text,
    })),
    bounds: parsed.bounds,
    defaults: { cuts: parsed.defaults.cuts, objective: parsed.defaults.objective ?? null },
    privacy: parsed.privacy?.reads ?? null,
  };
  checkPrivacy(where, spec.features, spec.privacy);
  return spec;
}

/** Reads the text of a model.yaml. */
export function parseModelSpec(where: string, text: string): ModelSpec {
  const document = parseDocument(text, { version: "1.2" });
  const [error] = document.errors;
  if (error) throw new LimenError("input", `${where}: ${error.message.split("\n")[0]}`, error);
  return checkModelSpec(where, document.toJS());
}

/** The JSON Schema editors check model.yaml with; kept in models/model.schema.json. */
export function buildModelSchema(): unknown {
  return {
    ...z.toJSONSchema(modelSchema, { io: "input" }),
    title: "Limen model.yaml",
    description: "What a model is: features, tags, bounds and what it may read.",
  };
}
