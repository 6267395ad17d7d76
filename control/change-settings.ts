import { closest } from "fastest-levenshtein";
import { LimenError } from "./errors.ts";
import { checkModelSettings, type ModelSettings, type TagSettings } from "./settings.ts";

const MODEL_KEYS = ["mode", "audit"];
const TAG_KEYS = ["cut", "objective", "scope"];
const KEYS = [...MODEL_KEYS, ...TAG_KEYS];

/** What a change may speak of. */
export type Known = { model: string; tags: readonly string[]; segments: readonly string[] };
export type Changes = Readonly<Record<string, string | number>>;

type Place = { model: string; segment: string | null; tag: string | null; key: string };

function pick(kind: string, name: string, known: readonly string[], where: string): string {
  if (known.includes(name)) return name;
  const near = known.length > 0 ? `; the nearest is "${closest(name, [...known])}"` : "";
  throw new LimenError("input", `${where}: no ${kind} "${name}"${near}`);
}

/** MODEL[/SEGMENT][.TAG].KEY; the tag may be left out where the model has one. */
function parsePlace(text: string, known: readonly Known[]): Place {
  const [target = "", ...rest] = text.split(".");
  const [modelName = "", segmentName] = target.split("/");
  const names = known.map(({ model }) => model);
  const model = pick("model", modelName, names, text);
  const own = known[names.indexOf(model)] as Known;
  const segment =
    segmentName === undefined ? null : pick("segment", segmentName, own.segments, text);
  const key = pick("key", rest.at(-1) ?? "", KEYS, text);
  if (MODEL_KEYS.includes(key)) {
    if (rest.length > 1 || (key === "audit" && segment !== null)) {
      throw new LimenError("input", `${text}: ${key} belongs to the model, as in ${model}.${key}`);
    }
    return { model, segment, tag: null, key };
  }
  if (rest.length === 1 && own.tags.length === 1) {
    return { model, segment, tag: own.tags[0] ?? "", key };
  }
  if (rest.length !== 2) {
    throw new LimenError("input", `${text}: say which tag: ${own.tags.join(", ")}`);
  }
  return { model, segment, tag: pick("tag", rest[0] ?? "", own.tags, text), key };
}

const numberOr = (value: string | number): string | number =>
  typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))
    ? Number(value)
    : value;

/** A cut set by hand ends learning for the tag; a new objective ends the cut by hand. */
function changeTag(before: TagSettings, key: string, value: string | number): TagSettings {
  const { cut: _cut, objective: _objective, ...rest } = before;
  if (key === "cut") return { ...rest, cut: value, objective: "none" };
  if (key === "objective") return { ...rest, objective: String(value) };
  return { ...before, [key]: value } as TagSettings;
}

function changeOne(before: ModelSettings, place: Place, value: string | number): unknown {
  if (place.segment === null) {
    if (place.tag === null) return { ...before, [place.key]: value };
    const tag = (before as Record<string, unknown>)[place.tag] as TagSettings | undefined;
    return { ...before, [place.tag]: changeTag(tag ?? {}, place.key, value) };
  }
  const below = (before.segments[place.segment] ?? {}) as Record<string, unknown>;
  const changed =
    place.tag === null
      ? { ...below, [place.key]: value }
      : {
          ...below,
          [place.tag]: changeTag((below[place.tag] ?? {}) as TagSettings, place.key, value),
        };
  return { ...before, segments: { ...before.segments, [place.segment]: changed } };
}

/**
 * Settings of the models after changes, in the order of `known`. Pure. Throws "input" naming the
 * key and the nearest known word, or what the value has to be.
 */
export function changeSettings(
  before: readonly ModelSettings[],
  known: readonly Known[],
  changes: Changes,
): ModelSettings[] {
  const after = [...before];
  for (const [text, value] of Object.entries(changes)) {
    const place = parsePlace(text, known);
    const index = known.findIndex(({ model }) => model === place.model);
    const changed = changeOne(after[index] as ModelSettings, place, numberOr(value));
    after[index] = checkModelSettings(changed, text);
  }
  return after;
}
