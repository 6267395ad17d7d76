// Decision events as the collector appends them.
import { create, toBinary } from "@bufbuild/protobuf";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import type { NewEvent } from "../../control/events/log.ts";
import type { TableNames } from "../../control/learn/state.ts";
import { type RecordFields, writeRecord } from "./record.ts";

export type DecisionFields = RecordFields & { node?: string };

export function aDecision(fields: DecisionFields = {}): NewEvent {
  const value = create(DecisionSchema, {
    node: fields.node ?? "node-1",
    workload: "web",
    record: writeRecord(fields),
    requestId: `id-${fields.seq ?? 0}`,
    path: "/",
  });
  return { topic: "limen.decisions", key: null, value: toBinary(DecisionSchema, value) };
}

export const TABLE_A = "00000000000000aa";
export const TABLE_B = "00000000000000bb";
const tables: Readonly<Record<string, TableNames>> = {
  [TABLE_A]: { segments: ["rest", "shop"], models: [{ name: "bot", digest: "b0" }] },
  // The same segments under other numbers, and a second model.
  [TABLE_B]: {
    segments: ["rest", "bank", "shop"],
    models: [
      { name: "bot", digest: "b0" },
      { name: "attack", digest: "a0" },
    ],
  },
};

/** Names of two tables; undefined for any other. */
export const namesOf = (digest: string): TableNames | undefined => tables[digest];
