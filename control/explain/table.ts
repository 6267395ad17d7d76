import type { EventLog } from "../events/log.ts";
import type { History } from "../history/history.ts";
import { describeTable, type TableNames } from "../table/describe.ts";
import type { TableExplained } from "./view.ts";

/** Entries read at once; each may hold a table of 512 KiB. */
const PAGE = 32;

export type KnownTable = { bytes: Uint8Array; names: TableNames; pushed: TableExplained };

/** The table of a digest with the event that made it the live one; null when there is none. */
export async function findTable(
  parts: { log: EventLog; history: History },
  digest: string,
): Promise<KnownTable | null> {
  let upper = Number(await parts.log.end("limen.tables", 0));
  while (upper > 0) {
    const lower = Math.max(upper - PAGE, 0);
    const entries = await parts.history.read(lower, upper - lower);
    for (const { event } of entries.toReversed()) {
      if (event.table.length === 0 || event.tableDigest !== digest) continue;
      const { what, by, why, at, tableSerial: serial } = event;
      const pushed = { digest, serial, what, by, why, at };
      return { bytes: event.table, names: describeTable(event.table), pushed };
    }
    upper = lower;
  }
  return null;
}
