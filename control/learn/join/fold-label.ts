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

function invalid(join: JoinState): void {
  if (join.isCounting) join.accepted++;
  count(join, "invalid");
}

/** Takes one event of limen.labels in, after the join's time was moved on to it. Never throws. */
export function foldLabel(join: JoinState, event: StoredEvent): void {
  const stored = read(event);
  if (stored?.kind === KIND_TICK) return;
  const source = join.settings.sources.find(({ name }) => name === stored?.source);
  if (!stored || !source || stored.kind > KIND_TICK) {
    invalid(join);
    return;
  }
  if (isWatched(source)) note(join, source.name, stored.kind === KIND_LABEL);
  if (stored.kind === KIND_HEARTBEAT) return;
  const { label, model, record } = stored;
  if ((label !== 1 && label !== 2) || event.key?.length !== 8) {
    invalid(join);
    return;
  }
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
}
