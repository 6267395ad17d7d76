import { LimenError } from "../errors.ts";

/** What a cut is learned for. `alert`: tag this share of all decisions, whatever they are. */
export type Objective = { kind: "alert"; share: number };

const LATER = ["fpr", "precision", "recall", "cost", "fbeta"];
/** Below it 10 / share decisions are more than the learner holds. */
export const ALERT_SHARE_MIN = 0.0001;
export const ALERT_SHARE_MAX = 0.5;

/** Reads `alert:0.02`; "none" is no objective and gives null. */
export function parseObjective(text: string): Objective | null {
  if (text === "none") return null;
  const [, kind = "", value = ""] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  if (LATER.includes(kind)) {
    throw new LimenError("usage", `objective ${text}: not in this version; use alert:SHARE`);
  }
  const share = /^\d*\.?\d+(e-\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (kind === "alert" && share >= ALERT_SHARE_MIN && share <= ALERT_SHARE_MAX) {
    return { kind, share };
  }
  throw new LimenError(
    "usage",
    `objective ${text}: not an objective; use alert:SHARE with a share from ${ALERT_SHARE_MIN} to ${ALERT_SHARE_MAX}, like alert:0.02, or none`,
  );
}
