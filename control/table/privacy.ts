import { LimenError } from "../errors.ts";
import type { Feature } from "./table.ts";

const covers = (allowed: string, source: string): boolean =>
  allowed.endsWith("*") ? source.startsWith(allowed.slice(0, -1)) : source === allowed;

/** Whether a list such as `[path, "header:sec-fetch-*"]` lets a source be read. */
export function mayRead(reads: readonly string[], source: string): boolean {
  const name = source.toLowerCase();
  if (reads.some((allowed) => covers(allowed.toLowerCase(), name))) return true;
  // The target is path and query in one.
  return name === "target" && mayRead(reads, "path") && mayRead(reads, "query");
}

/** Refuses a feature that reads more than the model says it may; null is no promise at all. */
export function checkPrivacy(
  where: string,
  features: readonly Feature[],
  reads: readonly string[] | null,
): void {
  if (reads === null) return;
  const greedy = features.find((feature) => !mayRead(reads, feature.of));
  if (!greedy) return;
  throw new LimenError(
    "refused",
    `${where}: feature "${greedy.name}" reads ${greedy.of}, which privacy.reads does not list`,
  );
}
