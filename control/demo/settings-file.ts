import { stringify } from "yaml";
import { HAND_CUT } from "./plan.ts";
import { HOST } from "./ports.ts";
import { PARTNER_KEY } from "./traffic/partner.ts";

/** The limen.yaml of the demo: shadow, a cut set by hand, the partner exempted by a rule. */
export function writeSettings(model: string, xdsPort: number, httpPort: number): string {
  return stringify({
    limen: 1,
    models: [model],
    listen: { xds: `${HOST}:${xdsPort}`, http: `${HOST}:${httpPort}` },
    log: "sqlite:./limen.db",
    segments: {
      of: "path",
      prefix: {
        "/search": "search",
        "/login": "login",
        "/checkout": "checkout",
        "/api/orders": "orders",
      },
    },
    exempt: [{ header: PARTNER_KEY.header, equals: PARTNER_KEY.value }],
    bot: { mode: "shadow", audit: 0.02, bot: { cut: HAND_CUT, scope: "overall" } },
    ttl: "1h",
    keep: { vectors: 0 },
  });
}
