import { createRequire } from "node:module";
import type { Random } from "../random.ts";
import { drawBrowser } from "./browser.ts";
import { AUTHORITY, type DemoRequest, type Headers } from "./request.ts";
import { drawBotRoute, drawTarget } from "./routes.ts";

type Crawler = { instances: readonly string[] };

// The package's own loader of this list wants an import attribute; the list itself is plain JSON.
const crawlers = (createRequire(import.meta.url)("crawler-user-agents") as readonly Crawler[])
  .map(({ instances }) => instances.filter((text) => /^[\x20-\x7e]+$/.test(text)))
  .filter((instances) => instances.length > 0) as [[string, ...string[]]];

type Draw = (random: Random) => Headers;
const version = (random: Random, major: number): string =>
  `${major}.${random.below(30)}.${random.below(9)}`;

/** What each library sends when nobody sets a header. */
const LIBRARIES: readonly [Draw, ...Draw[]] = [
  (random) => ({ "user-agent": `curl/${version(random, 8)}`, accept: "*/*" }),
  (random) => ({
    "user-agent": `Wget/1.${20 + random.below(5)}`,
    accept: "*/*",
    "accept-encoding": "identity",
  }),
  (random) => ({
    "user-agent": `python-requests/${version(random, 2)}`,
    accept: "*/*",
    "accept-encoding": "gzip, deflate",
  }),
  (random) => ({
    "user-agent": `python-httpx/0.${20 + random.below(9)}.0`,
    accept: "*/*",
    "accept-encoding": "gzip, deflate, br",
  }),
  () => ({ "user-agent": "Go-http-client/1.1", "accept-encoding": "gzip" }),
  (random) => ({
    "user-agent": `Java/${random.pick(["17", "21"])}.0.${random.below(12)}`,
    accept: "text/html, image/gif, image/jpeg, */*; q=0.2",
  }),
  (random) => ({ "user-agent": `okhttp/${version(random, 4)}`, "accept-encoding": "gzip" }),
  (random) => ({
    "user-agent": `axios/${version(random, 1)}`,
    accept: "application/json, text/plain, */*",
    "accept-encoding": "gzip, compress, deflate, br",
  }),
  (random) => ({
    "user-agent": `Scrapy/2.${random.below(13)} (+https://scrapy.org)`,
    accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en",
    "accept-encoding": "gzip, deflate",
  }),
];

const drawLibrary: Draw = (random) => random.pick(LIBRARIES)(random);

const drawCrawler: Draw = (random) => ({
  "user-agent": random.pick(random.pick(crawlers)),
  accept: "*/*",
  "accept-encoding": "gzip, deflate",
});

/** A driven Chrome that says so and was given no language. */
function drawHeadless(random: Random): Headers {
  const headers = drawBrowser(random, { browsers: ["chrome"], httpVersion: "2" });
  headers["user-agent"] = (headers["user-agent"] ?? "").replace("Chrome/", "HeadlessChrome/");
  headers["sec-fetch-site"] = "none";
  delete headers["accept-language"];
  return headers;
}

type Family = { family: string; draw: Draw };
const FAMILIES: readonly [Family, ...Family[]] = [
  { family: "library", draw: drawLibrary },
  { family: "crawler", draw: drawCrawler },
  { family: "headless", draw: drawHeadless },
];

/** A bot that does not hide: a library, a crawler by its own name, a headless browser. */
export function drawCrudeBot(random: Random): DemoRequest {
  const { family, draw } = random.pick(FAMILIES);
  const route = drawBotRoute(random);
  const truth = { class: "crude", family, slips: [], route, bot: true } as const;
  return { ...drawTarget(random, route), authority: AUTHORITY, headers: draw(random), truth };
}
