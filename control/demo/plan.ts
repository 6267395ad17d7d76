import { LimenError } from "../errors.ts";

export const PHASES = ["shadow", "learned", "doubled", "outage"] as const;
export type PhaseName = (typeof PHASES)[number];
export type Phase = { name: PhaseName; requests: number; botShare: number };

export type DemoOptions = {
  seed: number;
  requests: number;
  /** Requests a second. */
  rate: number;
  /** Ends by itself after the report. */
  once: boolean;
  /** Envoy's port; null takes the usual one when free. */
  port: number | null;
};

export const OUTAGE_SECONDS = 5;
export const OBJECTIVE = 0.05;
export const HAND_CUT = 0.5;
export const BOT_SHARE = 0.1;
/** Below this a phase ends before the cut can follow and the share can be judged. */
export const REQUESTS_MINIMUM = 14_000;

/** The phases in order: a quarter in shadow, then tagging, twice the bots, and the outage. */
export function planPhases(requests: number): Phase[] {
  if (requests < REQUESTS_MINIMUM) {
    throw new LimenError(
      "usage",
      `--requests ${requests}: the demo needs at least ${REQUESTS_MINIMUM}, so that each phase has decisions to learn from`,
    );
  }
  const of = (share: number): number => Math.floor(requests * share);
  const [shadow, learned, doubled] = [of(0.25), of(0.25), of(0.325)];
  return [
    { name: "shadow", requests: shadow, botShare: BOT_SHARE },
    { name: "learned", requests: learned, botShare: BOT_SHARE },
    { name: "doubled", requests: doubled, botShare: 2 * BOT_SHARE },
    {
      name: "outage",
      requests: requests - shadow - learned - doubled,
      botShare: 2 * BOT_SHARE,
    },
  ];
}
