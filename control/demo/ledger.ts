import * as limit from "../../models/limits.ts";
import type { CertificateView, CutView, DecisionView, StatusView } from "../api/views.ts";
import { ROUTES, type Route, type Truth } from "./traffic/request.ts";

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

/** A certificate when it was first seen in its epoch, the table that serves its cut ACKed. */
export type Certified = {
  route: Route;
  /** When it was seen; milliseconds since 1970, as the epoch's beginning. */
  at: number;
  began: number;
  cause: string;
  cut: CutView;
  certificate: CertificateView;
  /** From push to ACK. */
  ackMs: number | null;
};

/** Everything the demo saw, in the order it saw it; reports are functions of it. */
export type Ledger = {
  sent: Sent[];
  /** In log order. */
  decisions: DecisionView[];
  cuts: Map<string, TableCuts>;
  certified: Certified[];
};

export const openLedger = (): Ledger => ({
  sent: [],
  decisions: [],
  cuts: new Map(),
  certified: [],
});

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

/** The cut of a route; null when the service shows none. */
export function cutOf(status: StatusView | null, route: Route): CutView | null {
  const segment = status?.models[0]?.segments.find(({ name }) => name === route);
  return segment?.cuts["bot"] ?? null;
}

/** Whether every connected proxy runs what control wants it to run. */
export function isSettled(status: StatusView | null): boolean {
  const proxies = status?.proxies.filter(({ connected }) => connected) ?? [];
  return proxies.length > 0 && proxies.every(({ acked }) => acked === status?.resourceDigest);
}

/**
 * Whether a certificate speaks of the cut that is served. A cut of none is covered by every
 * certificate, but until the certified cut is pushed it is only what was there before.
 */
const isServed = (cut: CutView, { certified, bound }: CertificateView): boolean =>
  certified && (cut.bin < limit.CUT_NONE || bound === 0);

/** Remembers each route's first certificate of an epoch; gives those that are new. */
export function noteCertified(ledger: Ledger, status: StatusView, at: number): Certified[] {
  const model = status.models[0];
  const claim = model?.claims[0];
  if (!claim || !isSettled(status)) return [];
  const found = ROUTES.flatMap((route): Certified[] => {
    const cut = cutOf(status, route);
    const certificate = cut?.certificate;
    if (!cut || !certificate || !isServed(cut, certificate)) return [];
    const { began, cause } = claim;
    if (ledger.certified.some((known) => known.route === route && known.began === began)) return [];
    const ackMs = status.proxies[0]?.lastAckMs ?? null;
    return [{ route, at, began, cause, cut, certificate, ackMs }];
  });
  ledger.certified.push(...found);
  return found;
}

/** A scored decision with its truth and the cut that was in force for it. */
export type Judged = {
  phase: string;
  route: Route;
  bot: boolean;
  /** When it was taken in; milliseconds since 1970. */
  at: number;
  bin: number;
  /** Null when its table came and went between two looks at the service. */
  cut: CutView | null;
};

/** Scored decisions whose request the demo knows, in log order. */
export function judgeDecisions(ledger: Ledger): Judged[] {
  const sent = new Map(ledger.sent.map((request) => [request.id, request]));
  return ledger.decisions.flatMap(({ requestId, tableDigest, segment, bin, at }) => {
    const request = sent.get(requestId);
    const cut = ledger.cuts.get(tableDigest)?.[segment] ?? null;
    if (!request || bin === null) return [];
    const { phase, truth } = request;
    return [{ phase, route: truth.route, bot: truth.bot, at, bin, cut }];
  });
}
