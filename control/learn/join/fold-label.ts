import { fromBinary } from "@bufbuild/protobuf";
import { type Label, LabelSchema } from "../../events/label_pb.ts";
import type { StoredEvent } from "../../events/log.ts";
import { takeLabel } from "./labels.ts";
import { isWatched } from "./sources.ts";
import { count, type JoinState, note } from "./state.ts";

export const KIND_LABEL = 0;
export const KIND_HEARTBEAT = 1;
export const KIND_TICK = 2;

function read(event: StoredEvent): Label | null {
  try {
    return fromBinary(LabelSchema, event.value ?? new Uint8Array(0));
  } catch {
    return null;
  }
}

/** It only moves time on. */
export const isTickEvent = (event: StoredEvent): boolean => read(event)?.kind === KIND_TICK;

/** Counts what is no label; gives back why. */
export function noteInvalid(join: JoinState, reason: string): string {
  if (join.isCounting) join.accepted++;
  count(join, "invalid");
  return reason;
}

/** Takes one event of limen.labels in, after the join's time was moved on to it; why it is no label,
 * or null. Never throws. */
export function foldLabel(join: JoinState, event: StoredEvent): string | null {
  const stored = read(event);
  if (stored?.kind === KIND_TICK) return null;
  if (!stored || stored.kind > KIND_TICK) return noteInvalid(join, "label: it does not read");
  const source = join.settings.sources.find(({ name }) => name === stored.source);
  if (!source) return noteInvalid(join, `label: source ${stored.source} is not declared`);
  if (isWatched(source)) note(join, source.name, stored.kind === KIND_LABEL);
  if (stored.kind === KIND_HEARTBEAT) return null;
  const { label, model, record } = stored;
  if (label !== 1 && label !== 2) return noteInvalid(join, `label: ${label} is neither 1 nor 2`);
  if (event.key?.length !== 8)
    return noteInvalid(join, "label: its key is no hash of a request id");
  const view = new DataView(event.key.buffer, event.key.byteOffset, 8);
  takeLabel(join, {
    time: event.time,
    keyLow: view.getInt32(0, true),
    keyHigh: view.getInt32(4, true),
    record: record
      ? {
          vmLow: Number(record.vm & 0xffffffffn),
          vmHigh: Number(record.vm >> 32n),
          seq: record.seq,
        }
      : null,
    label,
    model,
    affectedByTag: source.affectedByTag,
  });
  return null;
}
