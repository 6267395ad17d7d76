import { fromBinary } from "@bufbuild/protobuf";
import { LabelSchema } from "../events/label_pb.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";
import { KIND_LABEL } from "../learn/join/fold-label.ts";
import { readLabelText } from "../learn/join/sources.ts";
import type { ReadDecision } from "./decision.ts";
import { walkBack } from "./walk.ts";

/** What later proved true of a decision: 1 positive, 0 negative. */
export type LabelOf = (read: ReadDecision) => 0 | 1 | undefined;

const POSITIVE = 2;

/** Takes a label in; false ends the walk. Walked backwards, the first of a key is the one that stays. */
function takeLabel(labels: Map<string, 0 | 1>, event: StoredEvent, since: number): boolean {
  if (event.time < since) return false;
  const label = fromBinary(LabelSchema, event.value ?? new Uint8Array());
  if (label.kind !== KIND_LABEL || !event.key) return true;
  labels.set(Buffer.from(event.key).toString("hex"), label.label === POSITIVE ? 1 : 0);
  return true;
}

function readOutcome({ stored }: ReadDecision): 0 | 1 | undefined {
  const text = stored.outcome?.["label"];
  const label = typeof text === "string" ? readLabelText(text) : null;
  if (label === null) return undefined;
  return label === POSITIVE ? 1 : 0;
}

/**
 * Labels of decisions since a time: what the response said, else what was posted for the request
 * id. At most `bound` posted labels of a partition are read.
 */
export async function openLabels(log: EventLog, since: number, bound: number): Promise<LabelOf> {
  const labels = new Map<string, 0 | 1>();
  for (let partition = 0; partition < log.partitions("limen.labels"); partition++) {
    const visit = (event: StoredEvent): boolean => takeLabel(labels, event, since);
    await walkBack(log, { topic: "limen.labels", partition, bound, visit });
  }
  return (read) => {
    const key = read.event.key;
    return readOutcome(read) ?? (key ? labels.get(Buffer.from(key).toString("hex")) : undefined);
  };
}
