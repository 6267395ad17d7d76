import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startApi } from "../../../control/api/server.ts";
import type { ServiceFace } from "../../../control/api/views.ts";
import { addExplain, readRequestText } from "../../../control/cli/explain.ts";
import { someTable } from "../../support/builders.ts";
import { openStage } from "./stage.ts";

afterEach(() => vi.restoreAllMocks());

/** What the verb prints. */
async function run(...words: string[]): Promise<string> {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  const program = new Command("limen").option("--server <url>", "", "http://127.0.0.1:1");
  addExplain(program);
  await program.parseAsync(["explain", ...words], { from: "user" });
  return lines.join("\n");
}

/** Runs the verb against the real HTTP API over a log in memory. */
async function runOnService(stage: Awaited<ReturnType<typeof openStage>>, ...words: string[]) {
  const api = await startApi({ explain: stage.explain } as ServiceFace, "127.0.0.1:0");
  try {
    return await run(...words, "--server", `http://127.0.0.1:${api.port}`);
  } finally {
    await api.close();
  }
}

async function withTable<Value>(act: (file: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), "limen-explain-"));
  try {
    const file = join(folder, "bot.table");
    await writeFile(file, someTable());
    return await act(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("limen explain", () => {
  it("finds a decision by its id", async () => {
    const stage = await openStage();
    await stage.add({ id: "a b/ü" });
    const view = JSON.parse(await runOnService(stage, "a b/ü", "-o", "json"));
    expect(view).toMatchObject({ kind: "decision", requestId: "a b/ü", offline: "same" });
  });

  it("finds a decision by its token", async () => {
    const stage = await openStage();
    const [token = ""] = await stage.add({ id: "mine", seq: 6 });
    const view = JSON.parse(await runOnService(stage, token, "-o", "json"));
    expect(view).toMatchObject({ requestId: "mine", seq: 6 });
  });

  it("shows the last decision to people", async () => {
    const stage = await openStage();
    await stage.add({ id: "mine" });
    expect(await runOnService(stage, "last")).toMatch(/^request +mine {2}GET \//);
  });

  it("asks the live table about a request", async () => {
    const stage = await openStage();
    const text = await runOnService(stage, "GET /cart", "-H", "x-score: 4000");
    expect(text).toMatch(/by ann: first cut[\s\S]*would be {2}bot: bot/);
  });

  it("lists what is bad", async () => {
    const stage = await openStage();
    await stage.add({ id: "mine", code: 503 });
    expect(await runOnService(stage, "--bad", "--since", "5m")).toMatch(/upstream-failed +1 /);
  });

  it("asks a table file without any service", async () => {
    const text = await withTable((file) => run("get /", "-H", "x-score: 9", "--table", file));
    expect(text).toMatch(/request +GET \/\n[\s\S]*bin 9 is below the cut 2048/);
  });

  it("says that no service answers", async () => {
    await expect(run("last")).rejects.toThrow(/no service answers at .*limen run/);
  });

  it.each([
    [[], /give one of ID/],
    [["last", "--bad"], /give one of ID/],
    [["last", "--since", "1h"], /--since goes with --bad/],
    [["last", "-H", "a: b"], /-H goes with/],
    [["last", "--table", "x"], /--table goes with/],
    [["--bad", "--since", "1x"], /a duration like/],
    [["GET /", "--table", "no-such.table"], /no-such\.table: no such file/],
  ])("refuses %j", async (words, message) => {
    await expect(run(...words)).rejects.toThrow(message);
  });
});

describe("readRequestText", () => {
  it.each([
    ["GET /cart?x=1", { method: "GET", path: "/cart?x=1" }],
    ["post  /", { method: "POST", path: "/" }],
    ["OPTIONS *", { method: "OPTIONS", path: "*" }],
  ])("reads %j", (text, request) => {
    expect(readRequestText(text, [])).toMatchObject(request);
  });

  it.each(["last", "5a1f07a2-6d1c-4bd5", "GET cart", "/cart"])("takes %j for none", (text) => {
    expect(readRequestText(text, [])).toBeNull();
  });
});
