import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DemoResult } from "../../control/demo/result.ts";
import { generateRequests } from "../../control/demo/traffic/generate.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");
const REQUESTS = 20_000;
const SEED = 7_001;
type Ended = { code: number | null; stdout: string; stderr: string; seconds: number };

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [LIMEN, "demo", ...args], {
    env: { ...process.env, ...env },
  });
  const started = performance.now();
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => {
    text.stdout += part;
  });
  child.stderr.on("data", (part) => {
    text.stderr += part;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code) => {
      resolve({ code, ...text, seconds: (performance.now() - started) / 1000 });
    });
  });
  return { child, text, ended };
}

/** The first match in what a running demo has printed. */
async function waitForText(running: ReturnType<typeof start>, pattern: RegExp): Promise<string> {
  const { child, text } = running as { child: ChildProcess; text: { stdout: string } };
  for (;;) {
    const found = pattern.exec(text.stdout)?.[1];
    if (found !== undefined) return found;
    if (child.exitCode !== null) throw new Error(`the demo ended: ${JSON.stringify(text)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("limen demo --once", () => {
  let ended: Ended;
  let result: DemoResult;

  beforeAll(async () => {
    const args = ["--once", "--requests", String(REQUESTS), "--seed", String(SEED), "-o", "json"];
    ended = await start(args).ended;
    if (ended.stdout === "") throw new Error(`no report: ${ended.stderr}`);
    result = JSON.parse(ended.stdout) as DemoResult;
  }, 180_000);

  it("ends with 0 and names nothing that was not met", () => {
    expect({ code: ended.code, failures: result.failures }).toEqual({ code: 0, failures: [] });
  });

  it("ends within 90 s", () => {
    expect(ended.seconds).toBeLessThan(90);
  });

  it("sends as many requests as asked, by the seed asked, and none fails", () => {
    const { seed, requests, failed, unscored } = result;
    expect({ seed, requests, failed, unscored }).toEqual({
      seed: SEED,
      requests: REQUESTS,
      failed: 0,
      unscored: 0,
    });
  });

  it("re-routes at least 100 requests by a learned tag", () => {
    expect(result.rerouted).toBeGreaterThanOrEqual(100);
  });

  it("re-routes fewer requests than there are bots and people of the promised rate", () => {
    expect(result.rerouted).toBeLessThan((0.1 + 0.01) * REQUESTS);
  });

  it("pushes a cut for each of three routes before and after the release, each ACKed", () => {
    const learned = result.pushes.filter((push) => push.learned && push.acked);
    expect(learned.length).toBeGreaterThanOrEqual(4);
    expect(learned.filter(({ ms }) => ms === null || ms >= 1_000)).toEqual([]);
  });

  it("serves at least four seconds of requests while control is dead, and fails none", () => {
    expect(result.outage?.requests).toBeGreaterThan(4 * 200);
    expect(result.outage?.failed).toBe(0);
  });

  it("keeps people out of the robots where the hand-set and the stale cut do not", () => {
    const { hand, stale, learned } = result.routes.login.after;
    expect(Math.min(hand.fpr ?? 0, stale.fpr ?? 0)).toBeGreaterThan(0.2);
    expect(learned.fpr ?? 1).toBeLessThan(0.01);
  });

  it("finds no cut for the partner's route, which the hand-set cut tags whole", () => {
    const { hand, learned } = result.routes.orders.after;
    expect([hand.fpr, learned.cut, learned.fpr]).toEqual([1, null, 0]);
  });

  it("gives an interval around each rate", () => {
    const { fpr, fprLow, fprHigh } = result.routes.search.after.stale;
    expect((fprLow ?? 1) < (fpr ?? 0) && (fpr ?? 1) < (fprHigh ?? 0)).toBe(true);
  });

  it("joins a label to every decision that was recorded, but for those the tag acted on", () => {
    const { joined = 0, acted = 0, accepted = 0 } = result.labels ?? {};
    expect(joined + acted).toBe(accepted);
    expect(accepted).toBeGreaterThan(REQUESTS - result.loss - 100);
  });

  it("knows the sizes of the filter and of the table Envoy runs", () => {
    expect(result.filterBytes).toBeLessThan(64 * 1024);
    expect(result.tableBytes).toBeGreaterThan(10_000);
  });
});

describe("limen demo --once --label-missing", () => {
  it("says that labels with holes certify nothing, tags nothing and ends with 3", async () => {
    const args = ["--once", "--requests", "16000", "--label-missing", "0.4", "-o", "json"];
    const { code, stdout, stderr } = await start(args).ended;
    const result = JSON.parse(stdout) as DemoResult;
    expect({ code, rerouted: result.rerouted }).toEqual({ code: 3, rerouted: 0 });
    expect(result.uncertifiable).toMatch(/search: (59|60|61)\.\d% of the audit slice is labelled/);
    expect(stderr).toContain("Nothing can be certified from these labels");
  }, 60_000);
});

describe("limen demo", () => {
  const folder = mkdtempSync(join(tmpdir(), "limen-demo-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("stops Envoy and control on SIGINT and ends with 130", async () => {
    const running = start(["--rate", "50"]);
    const address = await waitForText(running, /through Envoy \S+ at (\S+)/);
    running.child.kill("SIGINT");
    const { code } = await running.ended;
    expect(code).toBe(130);
    await expect(fetch(`http://${address}/`)).rejects.toThrow("fetch failed");
  }, 60_000);

  it("says which port is taken and what to do", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await start(["--port", String(port)]).ended;
    server.close();
    expect({ code, line: stderr.trim() }).toEqual({
      code: 1,
      line: `limen: port ${port} on 127.0.0.1 is taken; stop the program that has it, or give another by --port`,
    });
  });

  it("says that ENVOY_PATH is wrong", async () => {
    const { code, stderr } = await start(["--once"], { ENVOY_PATH: "/nowhere/envoy" }).ended;
    expect(code).toBe(1);
    expect(stderr).toContain("ENVOY_PATH /nowhere/envoy does not exist");
  });

  it("refuses too few requests before it starts anything", async () => {
    const { code, stderr } = await start(["--requests", "100"]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain("at least 16000");
  });
});

describe("limen demo --record", () => {
  const folder = mkdtempSync(join(tmpdir(), "limen-record-test-"));
  const file = join(folder, "out.csv");
  const count = 300;
  let rows: Record<string, string>[] = [];
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(async () => {
    const args = ["--record", file, "--requests", String(count), "--seed", "5", "--bots", "0.3"];
    const { code, stderr } = await start(args).ended;
    if (code !== 0 || !existsSync(file)) throw new Error(stderr);
    const [head = "", ...lines] = readFileSync(file, "utf8").trim().split("\n");
    const names = head.split(",");
    rows = lines.map((line) =>
      Object.fromEntries(line.split(",").map((cell, index) => [names[index] ?? "", cell])),
    );
  });

  // The requests are generated anew here, and measured by a second, dull way.
  const sent = generateRequests({ seed: 5, count, botShare: 0.3, mode: "live" });
  const sorted = (values: readonly string[]): string[] => [...values].sort();

  it("writes one row for each request with its truth", () => {
    const truth = ({ truth: { class: kind, slips, route, bot } }: (typeof sent)[number]): string =>
      [bot ? "1" : "0", kind, slips.join("+"), route].join();
    expect(
      sorted(rows.map((row) => [row["label"], row["class"], row["slips"], row["route"]].join())),
    ).toEqual(sorted(sent.map(truth)));
  });

  it("records what the filter measured of the headers that were sent", () => {
    const ofSent = sent.map(({ headers, truth }) =>
      [truth.class, headers["user-agent"]?.length ?? "", headers["cookie"]?.length ?? ""].join(),
    );
    const ofRows = rows.map((row) =>
      [row["class"], row["agent_length"], row["cookie_length"]].join(),
    );
    expect(sorted(ofRows)).toEqual(sorted(ofSent));
  });
});
