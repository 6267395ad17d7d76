import { LimenError } from "../errors.ts";
import type { DemoLog } from "./event-log.ts";
import type { Route } from "./traffic/request.ts";

export const PHASES = ["shadow", "labels", "tag", "release"] as const;
export type PhaseName = (typeof PHASES)[number];
export type Phase = { name: PhaseName; requests: number };

export type DemoOptions = {
  seed: number;
  requests: number;
  /** Requests a second. */
  rate: number;
  /** Ends by itself after the report. */
  once: boolean;
  /** Envoy's port; null takes the usual one when free. */
  port: number | null;
  /** Share of requests without a label, and of labels that are wrong. */
  labelMissing: number;
  labelNoise: number;
  log: DemoLog;
};

export const OUTAGE_SECONDS = 5;
export const HAND_CUT = 0.5;
export const BOT_SHARE = 0.1;
/** Highest false positive rate, on every route. */
export const RATE = 0.01;
export const OBJECTIVE = `fpr:${RATE}`;
export const CONFIDENCE = 0.9;
/** Share of tagged traffic that is let through to be measured; production: 2%. */
export const AUDIT = 0.25;
/** W: a label by response header comes with its request. */
export const WINDOW_MS = 2_000;

/** What a false positive and a miss cost on a route, in one unit. */
export const COSTS: Readonly<Record<Route, { fp: number; miss: number }>> = {
  search: { fp: 1, miss: 1 },
  login: { fp: 1, miss: 10 },
  checkout: { fp: 20, miss: 5 },
  orders: { fp: 10, miss: 1 },
};

/** Below this the rarest route has too few requests to be certified twice. */
export const REQUESTS_MINIMUM = 16_000;

/**
 * The phases in order: a quarter in shadow (its first third before anything is said of cuts), 15%
 * with tags, then the release.
 */
export function planPhases(requests: number): Phase[] {
  if (requests < REQUESTS_MINIMUM) {
    throw new LimenError(
      "usage",
      `--requests ${requests}: the demo needs at least ${REQUESTS_MINIMUM}, so that every route is certified before and after the release`,
    );
  }
  const of = (share: number): number => Math.floor(requests * share);
  const [shadow, labels, tag] = [of(0.075), of(0.175), of(0.15)];
  return [
    { name: "shadow", requests: shadow },
    { name: "labels", requests: labels },
    { name: "tag", requests: tag },
    { name: "release", requests: requests - shadow - labels - tag },
  ];
}
