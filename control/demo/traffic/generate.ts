import { openRandom } from "../random.ts";
import { drawCrudeBot } from "./crude.ts";
import { drawPartner } from "./partner.ts";
import { drawPerson } from "./people.ts";
import type { DemoRequest } from "./request.ts";
import { drawStealthBot } from "./stealth.ts";

/** `train` has no partner and none of the held-out pairs of slips. */
export type TrafficMode = "train" | "live";
export type TrafficOptions = {
  seed: number;
  count: number;
  botShare: number;
  mode: TrafficMode;
  isReleased?: boolean;
};

/** Share of the partner in the legitimate traffic. */
const PARTNER_SHARE = 0.15;
/** Share of the crude ones among bots: one each for library, crawler and headless, four stealth. */
const CRUDE_SHARE = 3 / 7;

/** What the stream looks like from here on. */
export type Mix = {
  botShare: number;
  /** The shop has shipped its release: people send other headers, bots the same. */
  isReleased?: boolean;
};

/** An endless stream of requests; each is drawn anew, so one client's requests share nothing. */
export function openTraffic(seed: number, mode: TrafficMode): (mix: Mix) => DemoRequest {
  const random = openRandom(seed);
  return ({ botShare, isReleased = false }) => {
    if (random.chance(botShare)) {
      return random.chance(CRUDE_SHARE)
        ? drawCrudeBot(random)
        : drawStealthBot(random, mode === "live");
    }
    const partner = mode === "live" && random.chance(PARTNER_SHARE);
    return partner ? drawPartner(random) : drawPerson(random, isReleased);
  };
}

/** The first `count` requests of the stream: the same arguments give the same requests. */
export function generateRequests(options: TrafficOptions): DemoRequest[] {
  const draw = openTraffic(options.seed, options.mode);
  return Array.from({ length: options.count }, () => draw(options));
}
