import { nameSlice, type SliceName } from "./cells.ts";

/** What is needed of a table: names for the numbers in a record. */
export type TableNames = {
  readonly segments: readonly string[];
  readonly models: readonly { readonly name: string; readonly digest: string }[];
};
/** The table of a digest (16 hex digits), when it is known. */
export type NamesOf = (tableDigest: string) => TableNames | undefined;

/** Names of slices by model and segment of a table, made once. */
export type SliceNames = readonly (readonly SliceName[])[];
export type KnownTable = { models: readonly string[]; slices: SliceNames };
export type KnownTables = Map<string, KnownTable>;

/** A few kilobytes each; a restart of a long log may meet many. */
const TABLES_MAX = 256;

/** Names of the models and slices of a table; undefined when nobody knows it. */
export function findTable(
  known: KnownTables,
  tableDigest: string,
  namesOf: NamesOf,
): KnownTable | undefined {
  const found = known.get(tableDigest);
  if (found) return found;
  const names = namesOf(tableDigest);
  if (!names) return undefined;
  const slices = names.models.map(({ digest }) =>
    names.segments.map((segment) => nameSlice(digest, segment)),
  );
  if (known.size >= TABLES_MAX) known.clear();
  const made = { models: names.models.map(({ name }) => name), slices };
  known.set(tableDigest, made);
  return made;
}
