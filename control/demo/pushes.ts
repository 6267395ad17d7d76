import type { HistoryView } from "../api/views.ts";
import type { TableCuts } from "./ledger.ts";

export type Push = {
  tableDigest: string;
  serial: number;
  by: string;
  /** The table brought a cut that was learned and not served before. */
  learned: boolean;
  acked: boolean;
  /** From push to ACK; null without one. */
  ms: number | null;
};

const binsOf = (cuts: TableCuts): string =>
  JSON.stringify(Object.entries(cuts).map(([segment, { bin }]) => [segment, bin]));

const isLearned = (cuts: TableCuts | undefined): boolean =>
  Object.values(cuts ?? {}).some(({ source }) => source === "learned");

/** Pushes of tables with cuts, in order, each with its first ACK; heartbeats are not pushes. */
export function listPushes(
  events: readonly HistoryView[],
  cuts: ReadonlyMap<string, TableCuts>,
): Push[] {
  const pushes: Push[] = [];
  let served = "";
  for (const event of events) {
    if (event.what !== "pushed") continue;
    const { tableDigest, resourceDigest, serial, by } = event;
    const own = cuts.get(tableDigest);
    if (!own || pushes.some((push) => push.tableDigest === tableDigest)) continue;
    const bins = binsOf(own);
    const ack = events.find(
      ({ what, n, resourceDigest: digest }) =>
        what === "acked" && n > event.n && digest === resourceDigest,
    );
    pushes.push({
      tableDigest,
      serial,
      by,
      learned: isLearned(own) && bins !== served,
      acked: ack !== undefined,
      ms: ack?.ms ?? null,
    });
    served = bins;
  }
  return pushes;
}
