import * as limit from "../../models/limits.ts";
import type { CutView } from "../api/views.ts";
import type { Certified, Judged } from "./ledger.ts";
import { CUTS, type CutOutcome, countOutcome, type Period, type RouteOutcome } from "./report.ts";
import { ROUTES, type Route } from "./traffic/request.ts";

/** 12345 as "12,345". */
export const formatCount = (count: number): string =>
  String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");

/** A share as a percentage with one place; "-" without a value. */
export const formatShare = (share: number | null): string =>
  share === null ? "-" : `${(share * 100).toFixed(1)}%`;

/** A score as cuts are shown to people. */
export const formatScore = (score: number | null): string =>
  score === null ? "none" : score.toFixed(4);

/** A duration with the unit that reads best. */
export const formatMs = (ms: number | null): string => {
  if (ms === null) return "-";
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

/** Columns padded to their widest cell: the first to the left, numbers to the right. */
export function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}

/** What a cut would do, by route; act 1. */
export function formatHand(decisions: readonly Judged[], hand: CutView): string[] {
  const lines = ROUTES.map((route) => {
    const own = decisions.filter((decision) => decision.route === route);
    const { people, bots, fp, hits } = countOutcome(own, hand.bin);
    const shares = [people === 0 ? null : fp / people, bots === 0 ? null : hits / bots];
    return [route, formatCount(own.length), ...shares.map(formatShare)];
  });
  return [
    ...layOut([["route", "requests", "people tagged", "bots tagged"], ...lines]),
    "On orders people are a partner's program: no browser, and welcome.",
  ];
}

/** One line for a certificate that was seen for the first time. */
export function formatCertified(found: Certified, decisions: number): string {
  const { route, cut, certificate, ackMs } = found;
  const { k, n, bound } = certificate;
  const when = `${route}: certified after ${formatCount(decisions)} decisions`;
  if (cut.bin >= limit.CUT_NONE) {
    return `${when}: no cut tags at most 1% of its ${formatCount(n)} negatives, so none is set.`;
  }
  const claim = `${k} of ${formatCount(n)} negatives above it, at most ${((bound ?? 1) * 100).toFixed(2)}%`;
  return `${when}: cut ${formatScore(cut.score)} (${claim}); pushed, ACKed in ${formatMs(ackMs)}.`;
}

type Routes = Record<Route, RouteOutcome>;

function formatFpr({ fpr, fprLow, fprHigh }: CutOutcome): string {
  if (fpr === null || fprLow === null || fprHigh === null) return "-";
  const [low, high] = [fprLow, fprHigh].map((share) => (share * 100).toFixed(1));
  return `${(fpr * 100).toFixed(2)}% [${low}-${high}]`;
}

const formatOutcome = (outcome: CutOutcome): string[] => [
  formatScore(outcome.cut),
  formatFpr(outcome),
  formatShare(outcome.recall),
  outcome.cost === null ? "-" : formatCount(outcome.cost),
];

const TITLES = { hand: "set by hand", stale: "stale", learned: "learned" } as const;

/** The cuts of a period on the same requests, a line for each route and cut; the report. */
export function formatComparison(routes: Routes, period: Period): string[] {
  // Before the release the learned cut is the one that goes stale.
  const shown = CUTS.filter((name) => period === "after" || name !== "stale");
  const lines = ROUTES.flatMap((route) =>
    shown.map((name, index) => [
      `${index === 0 ? route.padEnd(9) : " ".repeat(9)} ${TITLES[name]}`,
      ...formatOutcome(routes[route][period][name]),
    ]),
  );
  const head = ["", "cut", "people tagged", "bots tagged", "cost/1,000"];
  return layOut([head, ...lines]);
}
