import type { Random } from "../random.ts";
import { drawVisit } from "./browser.ts";
import { AUTHORITY, type DemoRequest, type Headers } from "./request.ts";
import { drawPeopleRoute, drawTarget } from "./routes.ts";

/** Blockers, hardened browsers and old proxies take headers away. */
function hideTraces(random: Random, headers: Headers): void {
  for (const name of Object.keys(headers)) if (name.startsWith("sec-")) delete headers[name];
  if (random.chance(0.5)) delete headers["referer"];
  if (random.chance(0.4)) delete headers["cookie"];
}

function passOfficeProxy(headers: Headers): void {
  headers["via"] = "1.1 proxy";
  headers["accept-encoding"] = "gzip";
  delete headers["upgrade-insecure-requests"];
}

/** A person with a browser: 7% privacy tools, 3% an office proxy, 2% without a language. */
export function drawPerson(random: Random, isReleased = false): DemoRequest {
  const route = drawPeopleRoute(random);
  const target = drawTarget(random, route);
  const headers = drawVisit(random, route, target.method, isReleased);
  if (random.chance(0.07)) hideTraces(random, headers);
  if (random.chance(0.03)) passOfficeProxy(headers);
  if (random.chance(0.02)) delete headers["accept-language"];
  const truth = { class: "people", family: "browser", slips: [], route, bot: false } as const;
  return { ...target, authority: AUTHORITY, headers, truth };
}
