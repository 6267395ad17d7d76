import type { CutView, DecisionView, StatusView } from "../api/views.ts";
import type { Route, Truth } from "./traffic/request.ts";

/** A request of the demo, and what its answer said. */
export type Sent = {
  /** Order of sending; answers come in another. */
  n: number;
  id: string;
  phase: string;
  truth: Truth;
  /** Answered with 200. */
  ok: boolean;
  upstream: string | null;
  tag: string | null;
};

/** The cuts of one table, by segment. */
export type TableCuts = Readonly<Record<string, CutView>>;

/** Everything the demo saw, in the order it saw it; reports are functions of it. */
export type Ledger = {
  sent: Sent[];
  /** In log order. */
  decisions: DecisionView[];
  cuts: Map<string, TableCuts>;
};

export const openLedger = (): Ledger => ({ sent: [], decisions: [], cuts: new Map() });

/** Remembers the cuts of the table that is live now. */
export function noteTable(ledger: Ledger, status: StatusView): void {
  const model = status.models[0];
  if (!model || status.state !== "live" || ledger.cuts.has(status.tableDigest)) return;
  const cuts = model.segments.flatMap(({ name, cuts: byTag }) => {
    const cut = byTag["bot"];
    return cut ? [[name, cut] as const] : [];
  });
  ledger.cuts.set(status.tableDigest, Object.fromEntries(cuts));
}

/** A scored decision with its truth and the cut that was in force for it. */
export type Judged = {
  phase: string;
  route: Route;
  bot: boolean;
  /** Null when the request was exempt. */
  bin: number | null;
  cut: CutView;
};

/** Decisions whose request and table the demo knows, in log order. */
export function judgeDecisions(ledger: Ledger): Judged[] {
  const sent = new Map(ledger.sent.map((request) => [request.id, request]));
  return ledger.decisions.flatMap((decision) => {
    const request = sent.get(decision.requestId);
    const cut = ledger.cuts.get(decision.tableDigest)?.[decision.segment];
    if (!request || !cut) return [];
    const { phase, truth } = request;
    return [{ phase, route: truth.route, bot: truth.bot, bin: decision.bin, cut }];
  });
}

/** Share of scored decisions at or above a cut; each decision's own cut without one. */
export function shareAbove(decisions: readonly Judged[], bin?: number): number | null {
  const scored = decisions.filter((decision) => decision.bin !== null);
  if (scored.length === 0) return null;
  const above = scored.filter(({ bin: own, cut }) => (own ?? -1) >= (bin ?? cut.bin));
  return above.length / scored.length;
}
