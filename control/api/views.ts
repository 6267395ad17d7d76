/** What the HTTP API answers; the command line prints it. Times are milliseconds since 1970. */

import type { LabelsAnswer } from "../collect/label-intake.ts";
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

/** Labels by what became of them; control/learn/join/fates.ts says what each means. */
export type LabelsView = {
  /** Label events in the log, and labels that came with a decision. */
  accepted: number;
  joined: number;
  waiting: number;
  unknown: number;
  late: number;
  duplicate: number;
  conflicting: number;
  ambiguous: number;
  acted: number;
  unscored: number;
  invalid: number;
  skipped: number;
  /** Posted and refused since this process began, and why. */
  rejected: number;
  rejectedBy: Readonly<Record<string, number>>;
  /** Late of those that found their decision; null while none did. */
  lateShare: number | null;
  /** W, and the length of a cohort. */
  windowMs: number;
  cohortMs: number;
  sources: readonly { name: string; from: string; negatives: string }[];
  /** Closed cohorts in memory; those in which a source was silent, and why the newest of them. */
  closedCohorts: number;
  silentCohorts: number;
  silence: string;
};

export type StatusView = {
  version: string;
  /** What this process does: all of it, or one part where several share a log. */
  role: "all" | "collect" | "learn" | "serve";
  /** Which process decides; empty where there is only one. */
  decider: string;
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
    /** Records missing by the numbers of each proxy's, or of requests that are still open. Null
     * where this process knows a part of the partitions only, or none. */
    lost: number | null;
    /** `lost` is a bound from above, as partitions were not seen at one moment. */
    lostAtMost: boolean;
    duplicates: number;
    rejected: number;
    dropped: number;
    /** Events of access logs that are in the log, by this process and since it began. */
    appended: number;
  };
  /** Null where no source of labels is declared. */
  labels: LabelsView | null;
  /** Calls refused since this process began, by reason: control/auth/README.md. */
  refused: Readonly<Record<string, number>>;
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

/** Decisions of one partition; `next` is the offset to go on at. */
export type DecisionsView = {
  partitions: number;
  next: number;
  decisions: readonly DecisionView[];
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
  decisions(page: { partition: number; since: number; max: number }): Promise<DecisionsView>;
  explain(ask: ExplainAsk): Promise<Explained>;
  apply(request: ApplyRequest): Promise<ApplyAnswer>;
  turn(state: "off" | "on", by: string): Promise<ApplyAnswer>;
  /** One label, several, or a heartbeat: control/collect/label-body.ts. In the log when it answers. */
  labels(body: unknown, by: string): Promise<LabelsAnswer>;
};
