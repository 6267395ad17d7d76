import { create, toBinary } from "@bufbuild/protobuf";
import { type Label, LabelSchema } from "../../events/label_pb.ts";
import type { NewEvent } from "../../events/log.ts";
import { KIND_HEARTBEAT, KIND_TICK } from "./fold-label.ts";

const NO_KEY = new Uint8Array(0);

/** A label as it goes to the log; the key is the hash of the request id. */
export function labelEvent(
  key: Uint8Array,
  fields: Partial<Omit<Label, "$typeName" | "$unknown" | "record">> & {
    record?: { vm: bigint; seq: number };
  },
): NewEvent {
  return { topic: "limen.labels", key, value: toBinary(LabelSchema, create(LabelSchema, fields)) };
}

const inPartition = (partition: number, fields: Parameters<typeof labelEvent>[1]): NewEvent => ({
  ...labelEvent(NO_KEY, fields),
  key: null,
  partition,
});

/** Moves the time of limen.labels on. */
export const tickEvent = (partition: number): NewEvent =>
  inPartition(partition, { kind: KIND_TICK });

/** Moves the time of limen.decisions on. */
export const decisionTick = (partition: number): NewEvent => ({
  topic: "limen.decisions",
  key: null,
  partition,
  value: null,
});

/** One heartbeat of a source for each partition. */
export const heartbeatEvents = (source: string, by: string, partitions: number): NewEvent[] =>
  Array.from({ length: partitions }, (_, partition) =>
    inPartition(partition, { kind: KIND_HEARTBEAT, source, by }),
  );
