import { closest, distance } from "fastest-levenshtein";

/** `; did you mean "x"?` when a known word is near, else the list of known words. */
export function nearestHint(word: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const near = closest(word, known);
  if (distance(word, near) <= Math.max(2, Math.floor(word.length / 3))) {
    return `; did you mean "${near}"?`;
  }
  return `; known: ${known.join(", ")}`;
}
