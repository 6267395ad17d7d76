import type { CutView, HistoryView } from "../api/views.ts";
import type { Judged } from "./ledger.ts";

/** Shares of one stretch of decisions under a cut; null without people or without bots. */
export type Share = { fpr: number | null; recall: number | null };
export type Point = { hand: Share; live: Share };
export type Mark = { at: number; what: "release" | "alarm" | "push" };
/** What the picture is drawn of: one point for every `step` decisions, and when things happened. */
export type Points = {
  step: number;
  points: readonly Point[];
  marks: readonly Mark[];
};

const STEP = 250;
const PLACES = 4;

const round = (value: number): number => Number(value.toFixed(PLACES));

function shareOf(decisions: readonly Judged[], binOf: (of: Judged) => number): Share {
  const share = (own: readonly Judged[]): number | null =>
    own.length === 0
      ? null
      : round(own.filter((decision) => decision.bin >= binOf(decision)).length / own.length);
  return {
    fpr: share(decisions.filter(({ bot }) => !bot)),
    recall: share(decisions.filter(({ bot }) => bot)),
  };
}

/** The points of a run: what the hand-set cut would have done, and what the live cuts did. */
export function drawPoints(
  decisions: readonly Judged[],
  events: readonly HistoryView[],
  hand: CutView,
  release: number,
): Points {
  const count = Math.floor(decisions.length / STEP);
  const points = Array.from({ length: count }, (_, index): Point => {
    const own = decisions.slice(index * STEP, (index + 1) * STEP);
    const known = own.filter(({ cut }) => cut !== null);
    return {
      hand: shareOf(own, () => hand.bin),
      live: shareOf(known, ({ cut }) => cut?.bin ?? 0),
    };
  });
  const placeOf = (at: number): number => decisions.filter((decision) => decision.at <= at).length;
  const marks = events.flatMap(({ what, at, by, why }): Mark[] => {
    if (what === "alarm") return [{ at: placeOf(at), what: "alarm" }];
    const isPush = what === "pushed" && by === "limen" && why !== "alarm";
    return isPush && placeOf(at) > 0 ? [{ at: placeOf(at), what: "push" }] : [];
  });
  return { step: STEP, points, marks: [{ at: release, what: "release" }, ...marks] };
}
