import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generateRequests } from "../../../control/demo/traffic/generate.ts";
import { isHeldOut } from "../../../control/demo/traffic/slips.ts";

const GENERATE = join(import.meta.dirname, "../../../control/demo/traffic/generate.ts");
const COUNT = 6_000;
const live = generateRequests({ seed: 101, count: COUNT, botShare: 0.1, mode: "live" });
const train = generateRequests({ seed: 7, count: COUNT, botShare: 0.3, mode: "train" });

/** Five standard errors of a share, so that a fixed seed passes unless the share is wrong. */
const near = (share: number, count: number): number => 5 * Math.sqrt((share * (1 - share)) / count);

function expectShare<Row>(rows: readonly Row[], of: (row: Row) => boolean, share: number): void {
  const seen = rows.filter(of).length / rows.length;
  expect(Math.abs(seen - share)).toBeLessThan(near(share, rows.length));
}

describe("generateRequests", () => {
  it("gives the same requests for the same seed in another process", () => {
    const program = `
      import { createHash } from "node:crypto";
      import { generateRequests } from ${JSON.stringify(GENERATE)};
      const requests = generateRequests({ seed: 101, count: 500, botShare: 0.1, mode: "live" });
      console.log(createHash("sha256").update(JSON.stringify(requests)).digest("hex"));`;
    const there = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    }).trim();
    const here = createHash("sha256")
      .update(JSON.stringify(live.slice(0, 500)))
      .digest("hex");
    expect(there).toBe(here);
  });

  it("gives other requests for another seed", () => {
    const other = generateRequests({ seed: 102, count: 20, botShare: 0.1, mode: "live" });
    expect(other).not.toEqual(live.slice(0, 20));
  });

  it("makes one request in ten a bot at a bot share of a tenth", () => {
    expectShare(live, ({ truth }) => truth.bot, 0.1);
  });

  it("makes the partner 15% of the legitimate requests", () => {
    const legitimate = live.filter(({ truth }) => !truth.bot);
    expectShare(legitimate, ({ truth }) => truth.class === "partner", 0.15);
  });

  it("makes four of seven bots stealth bots", () => {
    const bots = live.filter(({ truth }) => truth.bot);
    expectShare(bots, ({ truth }) => truth.class === "stealth", 4 / 7);
  });

  it.each([
    ["people", "search", 0.5],
    ["people", "login", 0.25],
    ["people", "checkout", 0.25],
    ["partner", "orders", 1],
  ])("sends %s to %s with the share it is said to have", (kind, route, share) => {
    const rows = live.filter(({ truth }) => truth.class === kind);
    const seen = rows.filter(({ truth }) => truth.route === route).length / rows.length;
    expect(Math.abs(seen - share)).toBeLessThanOrEqual(near(share, rows.length));
  });

  it.each([
    ["search", 1 / 2],
    ["login", 1 / 3],
    ["checkout", 1 / 6],
  ])("sends bots to %s with the share they are said to have", (route, share) => {
    const bots = live.filter(({ truth }) => truth.bot);
    expectShare(bots, ({ truth }) => truth.route === route, share);
  });

  it("keeps the partner out of the training traffic", () => {
    expect(train.filter(({ truth }) => truth.class === "partner")).toEqual([]);
  });

  it("keeps the held-out pairs of slips out of the training traffic", () => {
    expect(train.filter(({ truth }) => isHeldOut(truth.slips))).toEqual([]);
  });

  it("sends held-out pairs of slips in live traffic", () => {
    expect(live.filter(({ truth }) => isHeldOut(truth.slips)).length).toBeGreaterThan(20);
  });

  it("sends only headers a shop would see anyway", () => {
    // Written down from what browsers and libraries send, not from the generator.
    const ordinary = new Set(
      (
        "accept accept-encoding accept-language authorization content-type cookie dnt origin " +
        "referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode " +
        "sec-fetch-site sec-fetch-user sec-gpc priority upgrade-insecure-requests user-agent via " +
        "x-partner-key"
      ).split(" "),
    );
    const names = new Set([...live, ...train].flatMap(({ headers }) => Object.keys(headers)));
    expect([...names].filter((name) => !ordinary.has(name))).toEqual([]);
  });

  it("gives the partner key to the partner alone", () => {
    const wrong = live.filter(
      ({ headers, truth }) => "x-partner-key" in headers !== (truth.class === "partner"),
    );
    expect(wrong).toEqual([]);
  });

  it("writes header values that HTTP allows", () => {
    const values = live.flatMap(({ headers }) => Object.values(headers));
    expect(values.filter((value) => !/^[\x20-\x7e]+$/.test(value))).toEqual([]);
  });
});

describe("generateRequests after the release", () => {
  const options = { seed: 101, count: COUNT, botShare: 0.1, mode: "live" } as const;
  const released = generateRequests({ ...options, isReleased: true });
  const people = released.filter(({ truth }) => truth.class === "people");
  const isScript = ({ headers }: (typeof people)[number]): boolean =>
    !(headers["accept"] ?? "").includes("text/html");

  it("makes four of five of people's calls script calls", () => {
    expectShare(people, isScript, 0.8);
  });

  it("gives every person a token and the application's version instead of cookie and referer", () => {
    const names = (row: (typeof people)[number]): string =>
      ["authorization", "x-app-version", "cookie", "referer"]
        .map((name) => Number(name in row.headers))
        .join("");
    expect(new Set(people.map(names))).toEqual(new Set(["1100"]));
  });

  it("leaves bots with a cookie as often as before", () => {
    const share = (rows: readonly (typeof people)[number][]): number => {
      const stealth = rows.filter(({ truth }) => truth.class === "stealth");
      return stealth.filter(({ headers }) => "cookie" in headers).length / stealth.length;
    };
    const stealth = released.filter(({ truth }) => truth.class === "stealth").length;
    expect(Math.abs(share(released) - share(live))).toBeLessThan(2 * near(0.5, stealth));
  });

  it("gives no bot the application's version", () => {
    const bots = released.filter(({ truth }) => truth.bot);
    expect(bots.filter(({ headers }) => "x-app-version" in headers)).toEqual([]);
  });
});
