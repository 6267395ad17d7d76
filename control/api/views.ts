/** What the HTTP API answers; the command line prints it. Times are milliseconds since 1970. */

import type { ExplainAsk } from "../explain/ask.ts";
import type { Explained } from "../explain/view.ts";

export type ProxyView = {
  node: string;
  workload: string;
  connected: boolean;
  /** Resource digest the proxy said it runs. */
  acked: string | null;
  /** Table digest of the proxy's newest record. */
  tableDigest: string | null;
  /** Resource digests it refused. */
  nacked: readonly string[];
  /** Push to ACK of the newest ACK. */
  lastAckMs: number | null;
  lastRecordAt: number | null;
};

/** What is certified of a cut, from audit counts of the epoch. */
export type CertificateView = {
  certified: boolean;
  /** False positives at the cut, and negatives; `needed` certify anything. */
  k: number;
  n: number;
  needed: number;
  /** Upper bound of the false positive rate; null when not certified. */
  bound: number | null;
  reason: string;
};

export type CutView = {
  score: number | null;
  bin: number;
  source: string;
  certificate?: CertificateView;
};

/** A certified objective of a tag, and what it claims, whole. */
export type ClaimView = {
  tag: string;
  objective: string;
  /** When its epoch began, milliseconds since 1970, and why. */
  began: number;
  cause: string;
  sentence: string;
};

export type SegmentView = {
  name: string;
  mode: string;
  cuts: Readonly<Record<string, CutView>>;
  decisions: number;
  /** Share of decisions at or above the first cut, over all arms; null without decisions. */
  share: number | null;
};

export type ModelView = {
  name: string;
  digest: string;
  objective: string | null;
  scope: string;
  audit: number;
  decisions: number;
  /** Decisions the newest look of the objective counted, and the share at or above its cut. */
  windowDecisions: number;
  share: number | null;
  waiting: string | null;
  claims: readonly ClaimView[];
  segments: readonly SegmentView[];
};

export type StatusView = {
  version: string;
  state: "live" | "off";
  serial: number;
  tableDigest: string;
  resourceDigest: string;
  pushedAt: number | null;
  ttlMs: number;
  proxies: readonly ProxyView[];
  models: readonly ModelView[];
  log: {
    decisions: number;
    lost: number;
    duplicates: number;
    rejected: number;
    dropped: number;
  };
  waiting: string | null;
};

export type HistoryView = {
  n: number;
  at: number;
  what: string;
  by: string;
  why: string;
  tableDigest: string;
  resourceDigest: string;
  serial: number;
  ms?: number;
  node?: string;
};

export type DecisionView = {
  requestId: string;
  node: string;
  at: number;
  status: string;
  reason: string;
  tableDigest: string;
  code: number;
  model: string;
  segment: string;
  bin: number | null;
  tag: string | null;
  arm: string;
  vector?: readonly number[];
};

/** Keys of `apply`: MODEL[/SEGMENT].mode|audit and MODEL[/SEGMENT][.TAG].cut|objective|scope. */
export type ApplyRequest = {
  set: Readonly<Record<string, string | number>>;
  by?: string;
  dryRun?: boolean;
};
export type ApplyAnswer = {
  tableDigest: string;
  serial: number;
  changed: boolean;
  note: string;
};

/** What the HTTP API needs of the service. */
export type ServiceFace = {
  status(): StatusView;
  history(since: number): Promise<readonly HistoryView[]>;
  decisions(
    since: number,
    max: number,
  ): Promise<{ next: number; decisions: readonly DecisionView[] }>;
  explain(ask: ExplainAsk): Promise<Explained>;
  apply(request: ApplyRequest): Promise<ApplyAnswer>;
  turn(state: "off" | "on", by: string): Promise<ApplyAnswer>;
};
