import { describe, expect, it } from "vitest";
import { quoteControls, writeExplained } from "../../../control/explain/text.ts";
import { aModel, someTable } from "../../support/builders.ts";
import { type Made, openStage } from "./stage.ts";

async function writeLast(made: Made, table = someTable()): Promise<string> {
  const stage = await openStage({ table });
  await stage.add(made);
  return writeExplained(await stage.explain({ kind: "last" }));
}

async function writeAsked(path: string, score: string, table = someTable()): Promise<string> {
  const stage = await openStage({ table });
  const headers: [string, string][] = [["x-score", score]];
  return writeExplained(await stage.explain({ kind: "request", method: "GET", path, headers }));
}

describe("quoteControls", () => {
  it("shows what a terminal would act on as its code", () => {
    expect(quoteControls("a\x1b[2Jb\n\u202ec")).toBe("a\\u{1b}[2Jb\\u{a}\\u{202e}c");
  });
});

describe("writeExplained of a decision", () => {
  it("says who pushed the table and why", async () => {
    expect(await writeLast({})).toMatch(
      /table +[0-9a-f]{16} serial 1, pushed 1970-01-01T00:00:05.000Z by ann: first cut/,
    );
  });

  it("lets no client's text act on the terminal", async () => {
    expect(await writeLast({ id: "\x1b[2J", path: "/\x1b]0;x\x07" })).not.toMatch(/[^\n\P{C}]/u);
  });

  it("shows the row of a model in one line", async () => {
    const table = someTable({ models: [aModel({ hi: 8192, cuts: [[1000]] })] });
    expect(await writeLast({ score: 3001 }, table)).toMatch(
      /bot +rest +tag +3001 +3001 +1500 +bot +2000 +1000 +acted +bot/,
    );
  });

  it("says how to have features where there are none", async () => {
    expect(await writeLast({}, someTable({ vector: 0 }))).toMatch(/features: .*keep\.vectors/);
  });

  it("says that no response came", async () => {
    expect(await writeLast({ code: 0, flags: 1 << 14 })).toContain("no response DC from");
  });
});

describe("writeExplained of a request", () => {
  it.each([
    ["4000", "bot: bot"],
    ["100", "bot: no tag, bin 100 is below the cut 2048"],
    ["x", "bot: unscored, the score is no number (a missing input)"],
  ])("with score %s says %s", async (score, verdict) => {
    expect(await writeAsked("/", score)).toContain(`would be  ${verdict}`);
  });

  it("says what shadow hides", async () => {
    const table = someTable({ models: [aModel({ modes: ["shadow"] })] });
    expect(await writeAsked("/", "4000", table)).toContain(
      "no tag in shadow mode; in mode tag: bot",
    );
  });

  it("says that there is no cut", async () => {
    const table = someTable({ models: [aModel({ cuts: [[4096]] })] });
    expect(await writeAsked("/", "4000", table)).toContain("no tag, segment rest has no cut");
  });

  it("names the audit share beside a tag", async () => {
    const table = someTable({ audit: 0.02 });
    expect(await writeAsked("/", "4000", table)).toContain("(2% of requests stay untagged");
  });

  it("says exempt with its reason", async () => {
    const table = someTable({ exempt: [{ of: "path", match: "prefix", text: "/health" }] });
    expect(await writeAsked("/health", "4000", table)).toContain("base state, exempt: a rule");
  });
});

describe("writeExplained of bad decisions", () => {
  it("says that there are no labels yet", async () => {
    const stage = await openStage();
    const view = await stage.explain({ kind: "bad", sinceMs: 1_000 });
    expect(writeExplained(view)).toMatch(/prediction-wrong +- +no labels yet/);
  });

  it("says that older ones were left out", async () => {
    const stage = await openStage({ bound: 1 });
    await stage.add({ id: "a" }, { id: "b" });
    const view = await stage.explain({ kind: "bad", sinceMs: 60_000 });
    expect(writeExplained(view)).toContain("1 decisions since");
    expect(writeExplained(view)).toContain("only the newest 1 were looked at");
  });
});
