import type { Random } from "../random.ts";
import type { DemoRequest, Route } from "./request.ts";

const WORDS = [
  "shoe",
  "lamp",
  "desk",
  "tea",
  "bike",
  "coat",
  "book",
  "hat",
  "rug",
  "cup",
  "garden chair",
  "rain jacket",
] as const;

/** A thing the shop sells. */
export const drawWord = (random: Random): string => random.pick(WORDS);

/** Where people go: search .50, login .25, checkout .25. */
export function drawPeopleRoute(random: Random): Route {
  return random.pick(["search", "search", "login", "checkout"]);
}

/** Where bots go: search 1/2, login 1/3, checkout 1/6. */
export function drawBotRoute(random: Random): Route {
  return random.pick(["search", "search", "search", "login", "login", "checkout"]);
}

type Target = Pick<DemoRequest, "method" | "path">;

/** Method and path on a route; equal for everybody, so that a path gives nobody away. */
export function drawTarget(random: Random, route: Route): Target {
  const form = random.chance(0.5) ? "POST" : "GET";
  switch (route) {
    case "search": {
      const query = encodeURIComponent(drawWord(random)).replaceAll("%20", "+");
      return { method: "GET", path: `/search?q=${query}&page=${1 + random.below(9)}` };
    }
    case "login":
      return { method: form, path: "/login" };
    case "checkout":
      return { method: form, path: `/checkout/${random.hex(8)}` };
    case "orders":
      return {
        method: "GET",
        path: `/api/orders?since=${random.below(1e9)}&limit=${random.pick([50, 100])}`,
      };
  }
}
