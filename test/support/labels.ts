// Labels and the decisions they speak of, as they lie in the log.
import { create, toBinary } from "@bufbuild/protobuf";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import type { NewEvent } from "../../control/events/log.ts";
import { labelEvent } from "../../control/learn/join/label-event.ts";
import type { LabelSettings, LabelSource } from "../../control/learn/join/sources.ts";
import { type RecordFields, writeRecord } from "./record.ts";

/** The key of a request id, in tests any eight bytes. */
export function keyOf(id: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setUint32(0, id + 1, true);
  return key;
}

export type IdDecision = RecordFields & { id: number; node?: string; code?: number };

export function anIdDecision(fields: IdDecision): NewEvent {
  const value = create(DecisionSchema, {
    node: fields.node ?? "node-1",
    workload: "web",
    record: writeRecord(fields),
    requestId: `id-${fields.id}`,
    responseCode: fields.code ?? 200,
    path: "/",
  });
  return {
    topic: "limen.decisions",
    key: keyOf(fields.id),
    value: toBinary(DecisionSchema, value),
  };
}

export type LabelFields = {
  id: number;
  label?: number;
  source?: string;
  model?: string;
  record?: { vm: bigint; seq: number };
};

export const aLabel = ({ id, ...rest }: LabelFields): NewEvent =>
  labelEvent(keyOf(id), { label: 2, source: "desk", ...rest });

export const aTick = (): NewEvent => labelEvent(keyOf(0), { kind: 2 });
export const aHeartbeat = (source = "desk"): NewEvent => labelEvent(keyOf(0), { kind: 1, source });

export function aSource(changes: Partial<LabelSource> = {}): LabelSource {
  return {
    name: "desk",
    from: "http",
    header: null,
    codes: [],
    flags: 0,
    negatives: "explicit",
    affectedByTag: true,
    windowMs: 3_000,
    heartbeatMs: null,
    minPerMs: null,
    ...changes,
  };
}

export function labelSettings(...sources: LabelSource[]): LabelSettings {
  const own = sources.length > 0 ? sources : [aSource()];
  return { sources: own, windowMs: Math.max(...own.map(({ windowMs }) => windowMs)) };
}
