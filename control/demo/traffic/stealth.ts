import type { Random } from "../random.ts";
import { drawVisit } from "./browser.ts";
import { AUTHORITY, type DemoRequest } from "./request.ts";
import { drawBotRoute, drawTarget } from "./routes.ts";
import { drawSlips, isHeldOut } from "./slips.ts";

/** A bot with a person's headers and one to three slips. */
export function drawStealthBot(random: Random, withHeldOut: boolean): DemoRequest {
  const route = drawBotRoute(random);
  const target = drawTarget(random, route);
  const headers = drawVisit(random, route, target.method);
  let slips = drawSlips(random);
  while (!withHeldOut && isHeldOut(slips.map(({ name }) => name))) slips = drawSlips(random);
  for (const slip of slips) slip.make(headers, random);
  const names = slips.map(({ name }) => name).sort();
  const family = `${names.length}-slip`;
  const truth = { class: "stealth", family, slips: names, route, bot: true } as const;
  return { ...target, authority: AUTHORITY, headers, truth };
}
