import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimenError } from "../errors.ts";
import { type HistoryEvent, HistoryEventSchema } from "./history_pb.ts";

export type { HistoryEvent } from "./history_pb.ts";

export const WHATS = [
  "proposed",
  "refused",
  "pushed",
  "acked",
  "nacked",
  "off",
  "on",
  "applied",
  "alarm",
  "epoch",
  "claimed",
] as const;
export type What = (typeof WHATS)[number];

/** An event to write; digests are 16 hex digits, `at` milliseconds since 1970. */
export type NewHistoryEvent = {
  what: What;
  at: number;
  by: string;
  why: string;
  tableSerial?: number;
  tableDigest?: string;
  resourceDigest?: string;
  /** Makes this table the live one; only in pushed, off and on. */
  table?: Uint8Array;
  reasons?: string[];
  node?: string;
  resource?: string;
  ms?: number;
  learnedCuts?: Record<string, number>;
  applied?: Record<string, string>;
  staged?: boolean;
  epochs?: Record<string, string>;
  /** Set by the history: the claim its writer decides by. */
  term?: number;
};

const FORMAT = 1;

export function encodeEvent(event: NewHistoryEvent): Uint8Array {
  return toBinary(HistoryEventSchema, create(HistoryEventSchema, { ...event, format: FORMAT }));
}

/**
 * The event of a log entry; fields of later versions stay in it. Null for what is no event at all:
 * anybody who may write a topic can put junk there, and that must not end what serves. An entry of
 * another format is refused: passing by what a later version wrote could pass by an off.
 */
export function decodeEvent(bytes: Uint8Array): HistoryEvent | null {
  const event = parse(bytes);
  if (event === null || event.format === 0) return null;
  if (event.format !== FORMAT) {
    const text = `history: an entry of format ${event.format}, this version reads ${FORMAT}`;
    throw new LimenError("input", `${text}; run the version that wrote it`);
  }
  return event;
}

function parse(bytes: Uint8Array): HistoryEvent | null {
  try {
    return fromBinary(HistoryEventSchema, bytes);
  } catch {
    return null;
  }
}
