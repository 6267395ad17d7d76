import { HeaderGenerator, type HeaderGeneratorOptions } from "header-generator";
import { drawWith, type Random } from "../random.ts";
import type { DemoRequest, Headers, Route } from "./request.ts";
import { drawWord } from "./routes.ts";

const generator = new HeaderGenerator();

/** Each connection has its own, and a proxy drops them. */
const HOP_BY_HOP = ["connection", "host", "te", "content-length", "transfer-encoding"];

const LANGUAGES = [
  "en-US,en;q=0.9",
  "en-GB,en;q=0.9",
  "de-DE,de;q=0.9,en;q=0.8",
  "de,en-US;q=0.7,en;q=0.3",
  "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
  "es-ES,es;q=0.9",
  "nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7",
  "en-US",
] as const;

/** A browser's own headers, names in lower case. */
export function drawBrowser(
  random: Random,
  options: Partial<HeaderGeneratorOptions> = {},
): Headers {
  const httpVersion = random.pick(["1", "2"] as const);
  const drawn = drawWith(random, () => generator.getHeaders({ httpVersion, ...options }));
  const lower = Object.entries(drawn).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(lower.filter(([name]) => !HOP_BY_HOP.includes(name)));
}

function drawCookie(random: Random): string {
  const cart = random.chance(0.6) ? `; cart=${random.hex(8)}` : "";
  const visits = random.chance(0.5) ? `; _ga=GA1.2.${random.below(1e9)}` : "";
  return `sid=${random.hex(24)}${cart}${visits}`;
}

function addSession(random: Random, route: Route, headers: Headers): void {
  headers["accept-language"] = random.pick(LANGUAGES);
  if (random.chance(0.8)) headers["cookie"] = drawCookie(random);
  // A search can begin anywhere; login and checkout nearly always follow a page of the shop.
  const follows = random.chance(route === "search" ? 0.7 : 0.93);
  const page = random.chance(0.5) ? "" : encodeURIComponent(drawWord(random));
  if (follows) headers["referer"] = `https://shop.example/${page}`;
  if ("sec-fetch-site" in headers) headers["sec-fetch-site"] = follows ? "same-origin" : "none";
}

/** The page's script asks, not the address bar. */
function becomeScriptCall(random: Random, headers: Headers): void {
  headers["accept"] = random.pick(["*/*", "application/json, text/plain, */*"]);
  delete headers["upgrade-insecure-requests"];
  if ("sec-fetch-mode" in headers) {
    headers["sec-fetch-mode"] = "cors";
    headers["sec-fetch-dest"] = "empty";
    delete headers["sec-fetch-user"];
  }
}

/** The shop's new front end: who one is goes in a token, and no page is named. */
function becomeReleased(random: Random, headers: Headers): void {
  delete headers["cookie"];
  delete headers["referer"];
  headers["authorization"] = `Bearer ${random.hex(40)}`;
  headers["x-app-version"] = "2.0.0";
}

/** Share of calls made by the page's script. */
const SCRIPT_SHARE = 0.25;
const RELEASED_SCRIPT_SHARE = 0.8;

/**
 * A browser in a session with the shop: cookie, referer, language, a quarter of the calls made by
 * the page's script. What both people and those who copy them send; `isReleased`: what people send
 * once the shop has shipped its release.
 */
export function drawVisit(
  random: Random,
  route: Route,
  method: DemoRequest["method"],
  isReleased = false,
): Headers {
  const headers = drawBrowser(random);
  addSession(random, route, headers);
  const script = random.chance(isReleased ? RELEASED_SCRIPT_SHARE : SCRIPT_SHARE);
  if (script) becomeScriptCall(random, headers);
  if (isReleased) becomeReleased(random, headers);
  if (method === "POST") {
    headers["origin"] = "https://shop.example";
    headers["content-type"] = script ? "application/json" : "application/x-www-form-urlencoded";
  }
  return headers;
}
