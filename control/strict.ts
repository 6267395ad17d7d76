import { closest } from "fastest-levenshtein";
import type { z } from "zod";
import { LimenError } from "./errors.ts";

type StrictOptions = {
  /** The file, for messages. */
  where: string;
  /** Top keys that a later version will read, and such keys at any depth. */
  later?: readonly string[];
  laterBelow?: readonly string[];
  /** Top keys that the value itself declares (names of models), checked by the catch-all. */
  open?: readonly string[];
};

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** The object schema below defaults, optionals, pipes and arrays. */
function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let inner = schema as { _zod?: { def?: Record<string, unknown> } } | undefined;
  for (let depth = 0; depth < 8 && inner; depth++) {
    const def = inner._zod?.def ?? {};
    const next = def["innerType"] ?? def["in"] ?? def["element"];
    if (!next) break;
    inner = next as typeof inner;
  }
  return inner as z.core.$ZodType | undefined;
}

function step(schema: z.core.$ZodType | undefined, key: PropertyKey): z.core.$ZodType | undefined {
  const def = (unwrap(schema)?._zod.def ?? {}) as unknown as Record<string, unknown>;
  const shape = def["shape"] as Shape | undefined;
  if (shape && String(key) in shape) return shape[String(key)];
  if (typeof key === "number") return unwrap(schema);
  return (def["catchall"] ?? def["valueType"]) as z.core.$ZodType | undefined;
}

function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let inner: z.core.$ZodType | undefined = schema;
  for (const key of path) inner = step(inner, key);
  const def = (unwrap(inner)?._zod.def ?? {}) as unknown as Record<string, unknown>;
  return Object.keys((def["shape"] as Shape | undefined) ?? {});
}

const pathText = (path: readonly PropertyKey[]): string => path.map(String).join(".");

function unknownKey(
  key: string,
  path: readonly PropertyKey[],
  known: string[],
  options: StrictOptions,
) {
  const full = pathText([...path, key]);
  const later = path.length === 0 ? (options.later ?? []) : (options.laterBelow ?? []);
  if (later.includes(key)) {
    return new LimenError("input", `${options.where}: ${full} is not in this version; remove it`);
  }
  const near = known.length > 0 ? closest(key, known) : "";
  const hint = near ? `; the nearest known key is "${near}"` : "";
  return new LimenError("input", `${options.where}: unknown key ${full}${hint}`);
}

/** Keys a catch-all would swallow: at the top level only the declared ones are meant. */
function checkTopKeys(schema: z.ZodType, value: unknown, options: StrictOptions): void {
  if (!options.open || typeof value !== "object" || value === null) return;
  const known = [...knownKeys(schema, []), ...options.open];
  const wrong = Object.keys(value).find((key) => !known.includes(key));
  if (wrong !== undefined) throw unknownKey(wrong, [], known, options);
}

/** The first issue of zod as an error of ours. */
function issueError(schema: z.ZodType, issue: z.core.$ZodIssue, options: StrictOptions) {
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, issue.path);
    return unknownKey(issue.keys[0] ?? "", issue.path, known, options);
  }
  const parent = issue.path.slice(0, -1);
  const last = String(issue.path.at(-1) ?? "");
  if (options.laterBelow?.includes(last)) return unknownKey(last, parent, [], options);
  const known = knownKeys(schema, parent);
  // Below the top a catch-all takes an unknown key for a name and misses the settings under it.
  const swallowed = parent.length > 0 && known.length > 0 && !known.includes(last);
  if (issue.code === "invalid_type" && swallowed) return unknownKey(last, parent, known, options);
  const at = issue.path.length > 0 ? `${pathText(issue.path)}: ` : "";
  const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  const text = isMissing ? `is missing; give it (${issue.expected})` : issue.message;
  return new LimenError("input", `${options.where}: ${at}${text}`);
}

/**
 * Checks a value read from a file a person wrote. Throws "input" in one line: file, key, what was
 * expected, and for an unknown key the nearest known one or "not in this version".
 */
export function parseStrict<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  options: StrictOptions,
): z.output<Schema> {
  checkTopKeys(schema, value, options);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // A mistyped key is also a missing one: name the typing error.
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  if (!issue) throw new LimenError("input", `${options.where}: not valid`);
  throw issueError(schema, issue, options);
}
