/** The records of limen.counts, as a process reads them that begins: checkpoint.ts says what lies
 * there. */
import { fromBinary } from "@bufbuild/protobuf";
import { LimenError } from "../errors.ts";
import {
  type Checkpoint,
  CheckpointSchema,
  type Counts,
  CountsSchema,
  type LabelCohort,
  LabelCohortSchema,
  type Vms,
  VmsSchema,
} from "../events/counts_pb.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";

export type CountsRecord = { key: string; partition: number } & (
  | { kind: "counts"; counts: Counts }
  | { kind: "labelled"; counts: Counts }
  | { kind: "cohort"; cohort: LabelCohort }
  /** `set` of the writer's two sets of keys; of the loss there is one. */
  | { kind: "vms"; writer: string; set: string; number: number; vms: Vms }
  | { kind: "loss"; writer: string; number: number; vms: Vms }
  | { kind: "checkpoint"; writer: string; checkpoint: Checkpoint }
);

/** What a record of limen.counts says; null when it is of another kind, or was removed. */
export function readRecord({ key, value }: StoredEvent): CountsRecord | null {
  if (key === null || value === null) return null;
  const text = Buffer.from(key).toString();
  const [kind, number, ...rest] = text.split("/");
  const own = { key: text, partition: Number(number) };
  const [writer = "", set = "", last = ""] = rest;
  if (kind === "counts") return { ...own, kind, counts: fromBinary(CountsSchema, value) };
  if (kind === "checkpoint") {
    return { ...own, kind, writer, checkpoint: fromBinary(CheckpointSchema, value) };
  }
  if (kind === "vms") {
    const vms = fromBinary(VmsSchema, value);
    return { ...own, kind, writer, set, number: Number(last), vms };
  }
  if (kind === "loss") {
    return { ...own, kind, writer, number: Number(set), vms: fromBinary(VmsSchema, value) };
  }
  if (kind !== "labelled") return null;
  if (rest.length === 1)
    return { ...own, kind: "cohort", cohort: fromBinary(LabelCohortSchema, value) };
  return { ...own, kind, counts: fromBinary(CountsSchema, value) };
}

const READ_EVENTS = 1_000;

async function* readPartition(log: EventLog, partition: number): AsyncGenerator<StoredEvent> {
  const end = await log.end("limen.counts", partition);
  let from = 0n;
  while (from < end) {
    const events = await log.read("limen.counts", partition, from, READ_EVENTS);
    const last = events.at(-1);
    if (!last) return;
    yield* events;
    from = last.offset + 1n;
  }
}

/** Partitions of limen.counts that may hold records of a partition of limen.decisions. */
export function placesOf(log: EventLog, partition: number): number[] {
  const places = log.partitions("limen.counts");
  if (places === log.partitions("limen.decisions")) return [partition];
  return Array.from({ length: places }, (_, place) => place);
}

/** Gives each record of the partition that is there now to `take`. */
export async function readRecords(
  log: EventLog,
  partition: number,
  take: (record: CountsRecord) => void,
): Promise<void> {
  try {
    for (const place of placesOf(log, partition)) {
      for await (const event of readPartition(log, place)) {
        const record = readRecord(event);
        if (record?.partition === partition) take(record);
      }
    }
  } catch (thrown) {
    throw LimenError.from(thrown, "reading limen.counts");
  }
}
