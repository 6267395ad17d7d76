import * as decision from "../../models/decision.ts";
import { RESPONSE_FLAGS } from "../collect/response-flags.ts";
import type { DecisionClass } from "./view.ts";

/** The upstream gave no whole answer, whatever code went to the client. */
const UPSTREAM_FLAGS = ["UH", "UT", "UR", "UF", "UC", "UO", "URX", "UMSDR", "UPE", "DF"];
/** The client left. */
const CLIENT_FLAGS = ["DC", "DR"];

export function nameFlags(bits: number): string[] {
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((bits >>> bit) & 1) === 1)
    .map((bit) => RESPONSE_FLAGS[bit] ?? `flag ${bit + 1}`);
}

const FAILED: readonly number[] = [
  decision.REASON_OVERSIZE,
  decision.REASON_NO_HEADERS,
  decision.REASON_WORK,
  decision.REASON_PLUGINS,
  decision.REASON_NAN,
  decision.REASON_WRITE,
];
/** The base state by design. */
const ABSTAINED: readonly number[] = [
  decision.REASON_NO_TABLE,
  decision.REASON_EXEMPT,
  decision.REASON_OFF,
  decision.REASON_TRUSTED,
];

export type Classified = {
  /** REASON_* of models/decision.ts. */
  reason: number;
  /** 0 without a response. */
  code: number;
  /** Short names, as `nameFlags` gives them. */
  flags: readonly string[];
  /** The bin reached the first cut of its segment; null without a bin or without a cut. */
  isPositive: boolean | null;
  label: 0 | 1 | undefined;
};

/** A client that leaves first also has no response: that is no fault of upstreams. */
function hasUpstreamFailed({ code, flags }: Classified): boolean {
  if (code >= 500 || flags.some((flag) => UPSTREAM_FLAGS.includes(flag))) return true;
  return code === 0 && !flags.some((flag) => CLIENT_FLAGS.includes(flag));
}

/**
 * Which of the four kinds of bad a decision is; null for none. One kind each: a failed scorer
 * comes first, then a failed upstream, then what was left out by design, then a wrong prediction.
 */
export function classifyDecision(decided: Classified): DecisionClass | null {
  if (FAILED.includes(decided.reason)) return "scorer-failed";
  if (hasUpstreamFailed(decided)) return "upstream-failed";
  if (ABSTAINED.includes(decided.reason)) return "scorer-abstained";
  const { label, isPositive } = decided;
  if (label === undefined || isPositive === null) return null;
  return isPositive === (label === 1) ? null : "prediction-wrong";
}
