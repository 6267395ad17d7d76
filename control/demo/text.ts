import type { RouteOutcome } from "./report.ts";
import type { Route } from "./traffic/request.ts";

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

type Routes = Partial<Record<Route, RouteOutcome>>;
const rowsOf = (routes: Routes): [string, RouteOutcome][] => Object.entries(routes);

const PARTNER_NOTE = "(orders: the partner, exempted by a rule; never scored)";

/** What a cut would do, by route; act 1. */
export function formatHand(routes: Routes): string[] {
  const lines = rowsOf(routes).map(([route, { requests, hand }]) => [
    route,
    formatCount(requests),
    formatShare(hand.tagged),
    formatShare(hand.fpr),
    formatShare(hand.recall),
  ]);
  const title = ["route", "requests", "would tag", "of people", "of bots"];
  return [...layOut([title, ...lines]), PARTNER_NOTE];
}

/** Both cuts on the same requests, by route; the report. */
export function formatComparison(routes: Routes): string[] {
  const lines = rowsOf(routes).map(([route, { requests, hand, learned }]) => [
    route,
    formatCount(requests),
    ...[hand, learned].flatMap(({ tagged, fpr, recall }) => [
      formatShare(tagged),
      formatShare(fpr),
      formatShare(recall),
    ]),
  ]);
  const title = ["", "", "hand-set", "", "", "learned", "", ""];
  const columns = ["route", "requests", "tagged", "of people", "of bots"];
  return [...layOut([title, [...columns, ...columns.slice(2)], ...lines]), PARTNER_NOTE];
}
