import { stringify } from "yaml";
import type { LogLines } from "./event-log.ts";
import { AUDIT, CONFIDENCE, OBJECTIVE, WINDOW_MS } from "./plan.ts";
import { HOST } from "./ports.ts";

/** The limen.yaml of the demo: shadow, labels by response header, certified cuts by route. */
export function writeSettings(
  model: string,
  xdsPort: number,
  httpPort: number,
  lines: LogLines,
): string {
  return stringify({
    limen: 1,
    models: [model],
    listen: { xds: `${HOST}:${xdsPort}`, http: `${HOST}:${httpPort}` },
    ...lines,
    segments: {
      of: "path",
      prefix: {
        "/search": "search",
        "/login": "login",
        "/checkout": "checkout",
        "/api/orders": "orders",
      },
    },
    bot: {
      mode: "shadow",
      audit: AUDIT,
      bot: {
        objective: OBJECTIVE,
        confidence: CONFIDENCE,
        scope: "segment",
        simultaneous: true,
        otherwise: "none",
      },
      // Nothing goes there, and a fifth claim would cost the other four confidence.
      segments: { rest: { mode: "off" } },
    },
    labels: [
      {
        from: "response",
        header: "x-limen-label",
        negatives: "explicit",
        window: `${WINDOW_MS / 1000}s`,
      },
    ],
    onDrift: "safe-then-relearn",
    cohort: "1s",
    ttl: "1h",
    keep: { vectors: 1 },
  });
}
