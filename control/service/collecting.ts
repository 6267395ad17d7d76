import { fromBinary } from "@bufbuild/protobuf";
import type { CollectOptions } from "../collect/access-log.ts";
import { createHashId } from "../collect/hash-id.ts";
import { readRecord } from "../collect/record.ts";
import { DecisionSchema } from "../events/decision_pb.ts";
import type { EventLog, NewEvent } from "../events/log.ts";
import { createSayOnce } from "./say-once.ts";
import type { LastRecord } from "./status.ts";

/** Proxies remembered; the one unheard of for longest goes. */
const PROXIES_MAX = 10_000;

/** Remembers what a proxy runs, off the last record of each batch that is appended. */
export function createLastRecords() {
  const last = new Map<string, LastRecord>();
  const note = (batch: readonly NewEvent[]): void => {
    const event = batch.findLast(({ topic }) => topic === "limen.decisions");
    if (!event?.value) return;
    const { node, record } = fromBinary(DecisionSchema, event.value);
    last.delete(node);
    last.set(node, { tableDigest: readRecord(record).tableDigest, at: Date.now() });
    const [oldest] = last.keys();
    if (last.size > PROXIES_MAX && oldest !== undefined) last.delete(oldest);
  };
  return { last, note };
}

/** The way of access-log entries into the log. */
export function collectInto(
  log: EventLog,
  tokenKey: Uint8Array,
  say: (line: string) => void,
  onAppend: (batch: readonly NewEvent[]) => void,
): CollectOptions {
  const appending = createSayOnce("appending decisions", say);
  return {
    hashId: createHashId(tokenKey),
    append: async (batch) => {
      await log.append(batch);
      appending.worked();
      onAppend(batch);
    },
    onError: appending.failed,
  };
}
