/** What `explain` answers; times are milliseconds since 1970, digests 16 hex digits. */

export type FeatureExplained = {
  name: string;
  /** Null: missing. */
  value: number | null;
};

export type CutExplained = {
  header: string;
  value: string;
  /** A tag applies from this bin on; 4096 tags nothing. */
  bin: number;
  /** The lowest score it tags; null for none. */
  score: number | null;
};

export type ModelExplained = {
  model: string;
  digest: string;
  segment: string;
  mode: string;
  /** What the model adds up and its own output value; null without the vector or without a number. */
  raw: number | null;
  score: number | null;
  bin: number | null;
  /** The scores of that bin, from the lowest on; the first and the last bin are open ended. */
  binScores: readonly [number, number] | null;
  cuts: readonly CutExplained[];
  /** The highest tag whose cut the bin reaches, whatever mode and arm. */
  reaches: string | null;
  /** Null where nothing is drawn: the request was not made. */
  arm: string | null;
  /** The tag written, or the one that mode and cut ask for outside the audit share. */
  tag: string | null;
  /** The recorded bin against the recorded vector scored again; null without a vector. */
  offline: { bin: number | null; isSame: boolean } | null;
};

/** A table as the history knows it. */
export type TableExplained = {
  digest: string;
  serial: number;
  what: string;
  by: string;
  why: string;
  at: number;
};

export type ExplainedDecision = {
  kind: "decision";
  requestId: string;
  node: string;
  workload: string;
  /** Intake by the log's clock. */
  at: number;
  /** By the proxy's clock. */
  decidedAt: number;
  method: string;
  authority: string;
  path: string;
  code: number;
  /** Short names of Envoy's response flags. */
  flags: readonly string[];
  durationMs: number;
  upstream: string;
  status: string;
  reason: string;
  reasonText: string;
  /** Configure time of the VM in nanoseconds, and number of the record. */
  vm: string;
  seq: number;
  tableDigest: string;
  serial: number;
  /** Null when the history does not hold the table. */
  table: TableExplained | null;
  features: readonly FeatureExplained[] | null;
  /** Why there are no features, and how to have them. */
  featuresNote: string | null;
  models: readonly ModelExplained[];
  /** The same bits offline, in words. */
  offline: string;
  /** Further decisions under the same request id near this one: other hops, or a client's doing. */
  others: readonly { node: string; at: number; seq: number }[];
};

export type ExplainedRequest = {
  kind: "request";
  method: string;
  path: string;
  tableDigest: string;
  serial: number;
  /** Null for a table out of a file. */
  table: TableExplained | null;
  segment: string | null;
  /** Why no model would be asked; "none" when they are. */
  reason: string;
  reasonText: string;
  /** Share of requests that stay untagged for the audit. */
  audit: number;
  features: readonly FeatureExplained[];
  models: readonly ModelExplained[];
  /** Reserved headers of the request, which the filter takes off. */
  forged: readonly string[];
};

export const DECISION_CLASSES = [
  "upstream-failed",
  "scorer-failed",
  "scorer-abstained",
  "prediction-wrong",
] as const;
export type DecisionClass = (typeof DECISION_CLASSES)[number];

export type BadExample = {
  requestId: string;
  node: string;
  at: number;
  method: string;
  path: string;
  code: number;
  flags: readonly string[];
  status: string;
  reason: string;
  tag: string | null;
};

export type BadRow = { what: DecisionClass; count: number; newest: readonly BadExample[] };

export type ExplainedBad = {
  kind: "bad";
  since: number;
  until: number;
  /** Decisions of that time that were looked at, and how many of them have a label. */
  decisions: number;
  labelled: number;
  /** Stored events that are no decision of this version. */
  unreadable: number;
  /** Older decisions of that time were left out: more than `bound` are newer. */
  isBounded: boolean;
  bound: number;
  rows: readonly BadRow[];
};

export type Explained = ExplainedDecision | ExplainedRequest | ExplainedBad;
