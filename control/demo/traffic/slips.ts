import UserAgent from "user-agents";
import { drawWith, type Random } from "../random.ts";
import type { Headers } from "./request.ts";

const desktops = new UserAgent({ deviceCategory: "desktop" });

type Slip = { name: string; make: (headers: Headers, random: Random) => void };

/** What people who write bots forget. A slip may change nothing: nobody notices what was not there. */
export const SLIPS: readonly [Slip, ...Slip[]] = [
  { name: "no-cookie", make: (headers) => delete headers["cookie"] },
  { name: "no-referer", make: (headers) => delete headers["referer"] },
  {
    name: "any-accept",
    make: (headers) => {
      headers["accept"] = "*/*";
    },
  },
  {
    name: "gzip-only",
    make: (headers) => {
      headers["accept-encoding"] = "gzip, deflate";
    },
  },
  {
    name: "one-language",
    make: (headers) => {
      headers["accept-language"] = "en-US";
    },
  },
  { name: "no-upgrade", make: (headers) => delete headers["upgrade-insecure-requests"] },
  { name: "no-fetch-user", make: (headers) => delete headers["sec-fetch-user"] },
  {
    name: "fetch-none",
    make: (headers) => {
      if ("sec-fetch-site" in headers) headers["sec-fetch-site"] = "none";
    },
  },
  {
    // A user agent from a list, while the client hints tell of another system.
    name: "other-agent",
    make: (headers, random) => {
      headers["user-agent"] = drawWith(random, () => desktops.random()).toString();
    },
  },
];

/** Pairs of slips that training never sees together, so that the card can say what is new. */
export const HELD_OUT: readonly (readonly [string, string])[] = [
  ["gzip-only", "no-referer"],
  ["any-accept", "one-language"],
  ["fetch-none", "no-cookie"],
];

/** Whether a set of slips holds a pair that training never sees. */
export function isHeldOut(names: readonly string[]): boolean {
  return HELD_OUT.some((pair) => pair.every((name) => names.includes(name)));
}

/** One to three different slips. */
export function drawSlips(random: Random): Slip[] {
  const left = [...SLIPS];
  return Array.from({ length: 1 + random.below(3) }, () =>
    left.splice(random.below(left.length), 1),
  ).flat();
}
