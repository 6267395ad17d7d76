import type { History } from "../history/history.ts";
import { describeTable, type TableNames } from "../table/describe.ts";

const PAGE = 500;

/** Every table that was ever live, by digest: records name tables, not models and segments. */
export type Tables = {
  add(bytes: Uint8Array): void;
  namesOf(digest: string): TableNames | undefined;
};

/** Reads all tables of a history. */
export async function openTables(history: History): Promise<Tables> {
  const known = new Map<string, TableNames>();
  const add = (bytes: Uint8Array): void => {
    const names = describeTable(bytes);
    known.set(names.digest, names);
  };
  for (let from = 0; ; ) {
    const page = await history.read(from, PAGE);
    for (const { n, event } of page) {
      if (event.table.length > 0) add(event.table);
      from = n + 1;
    }
    if (page.length === 0) break;
  }
  return { add, namesOf: (digest) => known.get(digest) };
}
