/** What the demo knows of a request and no header says. */
export type Truth = {
  class: "people" | "partner" | "crude" | "stealth";
  /** Finer than the class: the browser, the library, the kind of crawler, the number of slips. */
  family: string;
  /** Names of the slips of a stealth bot, sorted. */
  slips: readonly string[];
  route: Route;
  bot: boolean;
};

export const ROUTES = ["search", "login", "checkout", "orders"] as const;
export type Route = (typeof ROUTES)[number];

/** Header names are lower case; the authority is not among them. */
export type Headers = Record<string, string>;

export type DemoRequest = {
  method: "GET" | "POST";
  path: string;
  authority: string;
  headers: Headers;
  truth: Truth;
};

/** The shop's name; nothing resolves it, the requests go to the demo's own proxy. */
export const AUTHORITY = "shop.example";
