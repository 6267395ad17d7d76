import type { Random } from "../random.ts";
import { AUTHORITY, type DemoRequest } from "./request.ts";
import { drawTarget } from "./routes.ts";

/** A rule could exempt the partner by it; the demo has none, and learns to leave it alone. */
export const PARTNER_KEY = { header: "x-partner-key", value: "acme" } as const;

/** The partner's ERP fetches orders: a program, and welcome. It is not in the training set. */
export function drawPartner(random: Random): DemoRequest {
  const agent = random.pick(["AcmeERP/4.2 (Java 17)", "okhttp/4.12.0", "Go-http-client/2.0"]);
  const headers = {
    "user-agent": agent,
    accept: "application/json",
    "accept-encoding": "gzip",
    authorization: `Bearer ${random.hex(40)}`,
    "content-type": "application/json",
    [PARTNER_KEY.header]: PARTNER_KEY.value,
  };
  const truth = {
    class: "partner",
    family: "erp",
    slips: [],
    route: "orders",
    bot: false,
  } as const;
  return { ...drawTarget(random, "orders"), authority: AUTHORITY, headers, truth };
}
