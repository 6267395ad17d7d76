import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { waitUntil } from "../../../control/demo/acts.ts";
import { startChild, waitForChild } from "../../../control/demo/child.ts";
import type { Sent } from "../../../control/demo/ledger.ts";
import { pairVectors } from "../../../control/demo/record.ts";

const sent = (n: number, id: string, slips: readonly string[] = []): Sent => ({
  n,
  id,
  phase: "train",
  truth: { class: "stealth", family: `${slips.length}-slip`, slips, route: "login", bot: true },
  ok: true,
  upstream: "shop",
  tag: null,
});
const vectors = new Map([
  ["a", Float32Array.of(1, Number.NaN)],
  ["b", Float32Array.of(0.5, 3)],
]);

describe("pairVectors", () => {
  it("writes rows in the order of sending, missing as an empty cell", () => {
    const rows = [sent(1, "b", ["gzip-only", "no-referer"]), sent(0, "a", ["no-cookie"])];
    expect(pairVectors(rows, vectors, ["x", "y"]).split("\n")).toEqual([
      "x,y,label,class,family,slips,held_out,route",
      "1,,1,stealth,1-slip,no-cookie,0,login",
      "0.5,3,1,stealth,2-slip,gzip-only+no-referer,1,login",
      "",
    ]);
  });

  it("refuses a request whose vector never came", () => {
    expect(() => pairVectors([sent(0, "c")], vectors, ["x", "y"])).toThrow("has no vector");
  });

  it("refuses a vector of another length", () => {
    expect(() => pairVectors([sent(0, "a")], vectors, ["x"])).toThrow("2 features instead of 1");
  });
});

describe("waitForChild", () => {
  const folder = mkdtempSync(join(tmpdir(), "limen-child-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const start = (program: string) =>
    startChild({
      name: "the program",
      file: process.execPath,
      args: ["-e", program],
      cwd: folder,
      logFile: join(folder, "log"),
    });

  it("says what a program wrote that ends while starting", async () => {
    const child = start("console.error('no room'); process.exit(3)");
    await expect(waitForChild(child, async () => false, 10_000)).rejects.toThrow(
      "the program ended while starting; it said: no room",
    );
  });

  it("says that a program is not ready in time", async () => {
    const child = start("setInterval(() => {}, 1000)");
    await expect(waitForChild(child, async () => false, 100)).rejects.toThrow(
      "the program is not ready after 0.1 s",
    );
    await child.kill();
    expect(child.ended()).toBe(true);
  });
});

describe("waitUntil", () => {
  it("names what did not happen", async () => {
    const { signal } = new AbortController();
    const waiting = waitUntil(() => false, 50, "a learned cut", signal);
    await expect(waiting).rejects.toThrow("a learned cut did not happen within 50 ms");
  });

  it("ends at once when the signal aborts", async () => {
    await expect(waitUntil(() => false, 60_000, "x", AbortSignal.abort())).rejects.toThrow();
  });
});
