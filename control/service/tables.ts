import type { HistoryEvent } from "../history/event.ts";
import { describeTable, type TableNames } from "../table/describe.ts";

/** Every table that was ever live, by digest: records name tables, not models and segments. */
export type Tables = {
  /** Tells of an event of the history. */
  note(event: HistoryEvent): void;
  namesOf(digest: string): TableNames | undefined;
};

export function createTables(): Tables {
  const known = new Map<string, TableNames>();
  return {
    note({ table }) {
      if (table.length === 0) return;
      try {
        const names = describeTable(table);
        known.set(names.digest, names);
      } catch {
        // Bytes no proxy will take either: records that name it are told as rejected.
      }
    },
    namesOf: (digest) => known.get(digest),
  };
}
