import { fromBinary } from "@bufbuild/protobuf";
import * as decision from "../../models/decision.ts";
import type { DecisionsView, DecisionView } from "../api/views.ts";
import { type DecisionRecord, type RecordedModel, readRecord } from "../collect/record.ts";
import { LimenError } from "../errors.ts";
import { DecisionSchema } from "../events/decision_pb.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";
import type { TableNames } from "../table/describe.ts";

/** Names of the numbers with a prefix: 2 -> "no-table" of REASON_NO_TABLE. */
function namesWith(prefix: string): readonly string[] {
  const names: string[] = [];
  for (const [name, value] of Object.entries(decision)) {
    if (!name.startsWith(prefix) || name.endsWith("_COUNT")) continue;
    names[value] = name.slice(prefix.length).toLowerCase().replaceAll("_", "-");
  }
  return names;
}

export const STATUSES = namesWith("STATUS_");
export const REASONS = namesWith("REASON_");
export const ARMS = namesWith("ARM_");

/** The first model that scored, else the first. */
function mainModel(models: readonly RecordedModel[]): [number, RecordedModel | undefined] {
  const scored = models.findIndex(({ bin }) => bin !== null);
  const index = Math.max(scored, 0);
  return [index, models[index]];
}

type Named = Pick<DecisionView, "model" | "segment" | "bin" | "tag" | "arm">;

function nameModel(record: DecisionRecord, names: TableNames | undefined): Named {
  const [index, model] = mainModel(record.models);
  if (!model) return { model: "", segment: "", bin: null, tag: null, arm: "" };
  const named = names?.models[index];
  return {
    model: named?.name ?? "",
    segment: names?.segments[model.segment] ?? String(model.segment),
    bin: model.bin,
    tag: named?.tags[model.tag - 1]?.value ?? null,
    arm: ARMS[model.arm] ?? String(model.arm),
  };
}

/** A stored decision for people; null when its bytes are none. */
export function viewDecision(
  event: StoredEvent,
  namesOf: (digest: string) => TableNames | undefined,
): DecisionView | null {
  try {
    const stored = fromBinary(DecisionSchema, event.value ?? new Uint8Array());
    const record = readRecord(stored.record);
    return {
      requestId: stored.requestId,
      node: stored.node,
      at: event.time,
      status: STATUSES[record.status] ?? String(record.status),
      reason: REASONS[record.reason] ?? String(record.reason),
      tableDigest: record.tableDigest,
      code: stored.responseCode,
      ...nameModel(record, namesOf(record.tableDigest)),
      ...(record.vector ? { vector: [...record.vector] } : {}),
    };
  } catch {
    return null;
  }
}

/** A page of the decisions of a partition, from an offset on. */
export async function readDecisions(
  log: EventLog,
  { partition, since, max }: { partition: number; since: number; max: number },
  namesOf: (digest: string) => TableNames | undefined,
): Promise<DecisionsView> {
  const partitions = log.partitions("limen.decisions");
  if (partition >= partitions) {
    throw new LimenError("input", `partition ${partition}: there are ${partitions}, from 0 on`);
  }
  const events = await log.read("limen.decisions", partition, BigInt(since), max);
  const last = events.at(-1);
  return {
    partitions,
    next: last ? Number(last.offset) + 1 : since,
    decisions: events.flatMap((event) => viewDecision(event, namesOf) ?? []),
  };
}
