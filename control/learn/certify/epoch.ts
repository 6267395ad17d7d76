import { ARM_AUDIT } from "../../../models/decision.ts";
import type { Audit } from "./walk.ts";

/** What a certificate depends on: another value of any of them begins an epoch. */
export type EpochIdentity = {
  modelDigest: string;
  /** W, the label window, milliseconds. */
  windowMs: number;
  /** Digest of the segment map, by name. */
  segments: string;
  /** As the settings write it, like `fpr:0.01`, with scope and confidence where they are set. */
  objective: string;
};

/** What began an epoch. */
export type EpochCause = "first" | "model" | "window" | "segments" | "objective" | "alarm";

/** Final label of a decision, or none although W is over. */
export type FinalLabel = "positive" | "negative" | "unlabelled";
export const FINAL_LABELS: readonly FinalLabel[] = ["positive", "negative", "unlabelled"];

/** Integers of one closed cohort. */
export type CohortCount = {
  segment: string;
  /** ARM_* of models/decision.ts. */
  arm: number;
  bin: number;
  label: FinalLabel;
  count: number;
};
/** When its first decision could have been made, milliseconds since 1970. */
export type ClosedCohort = { from: number; counts: readonly CohortCount[] };

type BinCounts = { readonly [bin: string]: number };
type SegmentCounts = { readonly [label in FinalLabel]: BinCounts };

/** Cumulative counts of the audit arm since an epoch began. Plain JSON; never decayed. */
export type Epoch = {
  readonly began: number;
  readonly cause: EpochCause;
  readonly identity: EpochIdentity;
  readonly segments: { readonly [segment: string]: SegmentCounts };
};

const NO_COUNTS: SegmentCounts = { positive: {}, negative: {}, unlabelled: {} };

/** An epoch that begins now, with nothing counted. */
export function openEpoch(identity: EpochIdentity, now: number, cause: EpochCause): Epoch {
  return { began: now, cause, identity, segments: {} };
}

function findCause(was: EpochIdentity, is: EpochIdentity): EpochCause | null {
  if (was.modelDigest !== is.modelDigest) return "model";
  if (was.windowMs !== is.windowMs) return "window";
  if (was.segments !== is.segments) return "segments";
  return was.objective === is.objective ? null : "objective";
}

/** The epoch itself while what it depends on is unchanged, else a new one. */
export function continueEpoch(epoch: Epoch, identity: EpochIdentity, now: number): Epoch {
  const cause = findCause(epoch.identity, identity);
  return cause === null ? epoch : openEpoch(identity, now, cause);
}

/** The epoch after an alarm: the same identity, nothing counted. */
export function restartEpoch(epoch: Epoch, now: number): Epoch {
  return openEpoch(epoch.identity, now, "alarm");
}

function addCount(counts: SegmentCounts, { bin, label, count }: CohortCount): SegmentCounts {
  const bins = { ...counts[label], [bin]: (counts[label][bin] ?? 0) + count };
  return { ...counts, [label]: bins };
}

/**
 * Adds a closed cohort: its audit arm only, and only when all of it lies within the epoch. Each
 * cohort is added once; in any order they give the same counts.
 */
export function addCohort(epoch: Epoch, cohort: ClosedCohort): Epoch {
  if (cohort.from < epoch.began) return epoch;
  const segments: { [segment: string]: SegmentCounts } = { ...epoch.segments };
  for (const entry of cohort.counts) {
    if (entry.arm !== ARM_AUDIT || entry.count === 0) continue;
    const { segment } = entry;
    const known = Object.hasOwn(segments, segment) ? segments[segment] : undefined;
    // A name like __proto__ stays a plain key.
    Object.defineProperty(segments, segment, {
      value: addCount(known ?? NO_COUNTS, entry),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return { ...epoch, segments };
}

function toHistogram(counts: BinCounts): Map<number, number> {
  return new Map(Object.entries(counts).map(([bin, count]) => [Number(bin), count]));
}

/** The audit slice of one segment; empty when nothing of it was counted. */
export function auditOf(epoch: Epoch, segment: string): Required<Audit> {
  const known = Object.hasOwn(epoch.segments, segment) ? epoch.segments[segment] : undefined;
  const counts = known ?? NO_COUNTS;
  return {
    positives: toHistogram(counts.positive),
    negatives: toHistogram(counts.negative),
    unlabelled: toHistogram(counts.unlabelled),
  };
}
