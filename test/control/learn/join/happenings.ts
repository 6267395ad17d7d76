// What may happen in a log, in any order: for property tests of the join.
import fc from "fast-check";
import type { NewEvent } from "../../../../control/events/log.ts";
import { TABLE_A, TABLE_B } from "../../../support/decisions.ts";
import { aLabel, anIdDecision, aSource, aTick, labelSettings } from "../../../support/labels.ts";

export const WINDOW_MS = 3_000;
export const LABELS = labelSettings(
  aSource(),
  aSource({ name: "lab", affectedByTag: false, windowMs: 1_000 }),
  aSource({ name: "code", from: "status", negatives: "absence", codes: [[401, 401]] }),
);
export const HAND = {
  windowMs: WINDOW_MS,
  cohortMs: 1_000,
  affected: { desk: true, lab: false },
  positiveCodes: [401],
};

/** What happens in the log, one after another; `afterMs` before each. */
export const happening = fc.record({
  afterMs: fc.constantFrom(0, 0, 0, 1, 20, 20, 100, 400, 1_000, 2_999, 3_000, 3_001),
  kind: fc.constantFrom("decision", "decision", "copy", "label", "label", "token", "tick"),
  /** Few ids, so that labels find decisions and decisions share ids. */
  id: fc.nat(12),
  seq: fc.nat(30),
  bin: fc.constantFrom(5, 4095),
  segment: fc.nat(1),
  arm: fc.nat(4),
  code: fc.constantFrom(200, 200, 200, 401),
  label: fc.constantFrom(1, 2),
  source: fc.constantFrom("desk", "lab"),
  model: fc.constantFrom("", "", "bot", "attack", "none"),
});
export type Happening = typeof happening extends fc.Arbitrary<infer One> ? One : never;

/** A record has one id for good, also when it is told twice. */
const idOf = (seq: number): number => (seq % 3 === 0 ? 12 : seq % 13);

function decisionOf({ bin, segment, arm, code }: Happening, seq: number): NewEvent {
  const first = { bin, segment, arm };
  const second = { bin: seq % 8 === 0 ? 65535 : 7, segment, arm: 2 };
  const isOfTwo = seq % 4 === 0;
  return anIdDecision({
    id: idOf(seq),
    seq,
    code,
    tableDigest: isOfTwo ? TABLE_B : TABLE_A,
    models: isOfTwo ? [first, second] : [first],
  });
}

/** The event of a happening; `next` is the seq of a new decision. */
export function eventOf(one: Happening, next: number): NewEvent {
  const { kind, id, seq, label, source, model } = one;
  if (kind === "tick") return aTick();
  if (kind === "label") return aLabel({ id, label, source, model });
  if (kind === "token") {
    return aLabel({ id: idOf(seq), label, source, model, record: { vm: 1n, seq } });
  }
  return decisionOf(one, kind === "decision" ? next : seq);
}
