import { create, toBinary } from "@bufbuild/protobuf";
import { type Label, LabelSchema } from "../../events/label_pb.ts";
import type { NewEvent } from "../../events/log.ts";
import { choosePartition } from "../../events/partition.ts";
import { KIND_HEARTBEAT, KIND_TICK } from "./fold-label.ts";

/** A label as it goes to the log; the key is the hash of the request id. */
export function labelEvent(
  key: Uint8Array,
  fields: Partial<Omit<Label, "$typeName" | "$unknown" | "record">> & {
    record?: { vm: bigint; seq: number };
  },
): NewEvent {
  return { topic: "limen.labels", key, value: toBinary(LabelSchema, create(LabelSchema, fields)) };
}

/** A key that lies in the partition. */
function keyOf(partition: number, partitions: number): Uint8Array {
  const key = Buffer.alloc(8);
  for (let number = 0; choosePartition(key, partitions) !== partition; ) {
    key.writeUInt32LE(++number);
  }
  return key;
}

export const tickEvent = (partition: number, partitions: number): NewEvent =>
  labelEvent(keyOf(partition, partitions), { kind: KIND_TICK });

/** One heartbeat of a source for each partition. */
export const heartbeatEvents = (source: string, by: string, partitions: number): NewEvent[] =>
  Array.from({ length: partitions }, (_, partition) =>
    labelEvent(keyOf(partition, partitions), { kind: KIND_HEARTBEAT, source, by }),
  );
