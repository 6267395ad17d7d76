import type { Settings } from "../settings.ts";
import { openKafkaLog } from "./kafka.ts";
import type { EventLog } from "./log.ts";
import { openSqliteLog } from "./sqlite.ts";

/** The event log of the settings; the caller closes it. */
export async function openLog({ log, keep }: Pick<Settings, "log" | "keep">): Promise<EventLog> {
  if (log.kind === "kafka") return openKafkaLog(log);
  return openSqliteLog(log.file, { keepMs: keep.decisionsMs, maxBytes: keep.diskBytes });
}
