/** How much of what was counted stays in memory: so much a process, whatever its partitions. */
import type { EventLog } from "../events/log.ts";
import type { FoldSettings } from "./state.ts";

export type Kept = {
  /** Scored decisions of closed cohorts: the alert looks at up to 500 / share of them. About 10 MB
   * where each is a cell of its own. */
  scored: number;
  /** Cells of closed cohorts of labels: about 30 MB. */
  cells: number;
};

export const KEEP: Kept = { scored: 100_000, cells: 300_000 };
/** For a process that decides nothing by its own counts. */
export const KEEP_NONE: Kept = { scored: 0, cells: 0 };

/** What of it is for each partition of limen.decisions. */
export function shareKept(
  log: Pick<EventLog, "partitions">,
  { scored, cells }: Kept,
): Pick<FoldSettings, "keepScored" | "keepCells"> {
  const partitions = Math.max(1, log.partitions("limen.decisions"));
  return {
    keepScored: Math.ceil(scored / partitions),
    keepCells: Math.ceil(cells / partitions),
  };
}
