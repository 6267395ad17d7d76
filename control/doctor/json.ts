// Reads values whose shape others decide, for instance another version of Envoy: what is not there
// is undefined or empty, never an error.
import type { Json } from "../envoy/json.ts";

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value under a path of keys. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) here = isObject(here) ? here[key] : undefined;
  return here;
}

export const listAt = (value: unknown, ...path: readonly string[]): Json[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isObject) : [];
};

export const textAt = (value: unknown, ...path: readonly string[]): string => {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
};

/** Whether an Any is of the type; the host before the slash does not matter. */
export const isOfType = (value: unknown, type: string): boolean =>
  textAt(value, "@type").endsWith(`/${type}`);
