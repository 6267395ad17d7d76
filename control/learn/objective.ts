import { LimenError } from "../errors.ts";

/**
 * What a cut is learned for. `alert`: tag this share of all decisions, whatever they are. `fpr`: tag
 * at most this share of the negatives, certified from labels.
 */
export type Objective = { kind: "alert"; share: number } | { kind: "fpr"; rate: number };

const LATER = ["precision", "recall", "cost", "fbeta"];
/** Below it a certificate takes 3,000 negatives without one false positive. */
export const FPR_MIN = 0.001;
export const FPR_MAX = 0.5;
/** Below it 10 / share decisions are more than the learner holds. */
export const ALERT_SHARE_MIN = 0.0001;
export const ALERT_SHARE_MAX = 0.5;

/** Reads `alert:0.02`; "none" is no objective and gives null. */
export function parseObjective(text: string): Objective | null {
  if (text === "none") return null;
  const [, kind = "", value = ""] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  if (LATER.includes(kind)) {
    throw new LimenError(
      "usage",
      `objective ${text}: not in this version; use alert:SHARE or fpr:RATE`,
    );
  }
  const share = /^\d*\.?\d+(e-\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (kind === "alert" && share >= ALERT_SHARE_MIN && share <= ALERT_SHARE_MAX) {
    return { kind, share };
  }
  if (kind === "fpr" && share >= FPR_MIN && share <= FPR_MAX) return { kind, rate: share };
  throw new LimenError(
    "usage",
    `objective ${text}: not an objective; use alert:SHARE (${ALERT_SHARE_MIN} to ${ALERT_SHARE_MAX}, like alert:0.02), fpr:RATE (${FPR_MIN} to ${FPR_MAX}, like fpr:0.01), or none`,
  );
}
