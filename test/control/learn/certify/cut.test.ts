import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Command } from "commander";
import { parse } from "csv-parse/sync";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { addCut } from "../../../../control/cli/cut.ts";
import { openRandom } from "../../../../control/demo/random.ts";
import { SEGMENTS_MAX } from "../../../../models/limits.ts";

const folder = mkdtempSync(join(tmpdir(), "limen-cut-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** What `limen cut` prints for a file with this text. */
async function runCut(text: string | Buffer, words: string, name = "scores.csv"): Promise<string> {
  const file = join(folder, name);
  writeFileSync(file, text);
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addCut(program);
  for (const verb of program.commands) {
    verb.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  await program.parseAsync(["cut", "--scores", file, ...words.split(" ")], { from: "user" });
  return printed.join("\n");
}

const fpr = "--objective fpr:0.01 --confidence 0.9 -o json";
const lines = (head: string, ...rows: readonly string[]): string => [head, ...rows, ""].join("\n");
const repeat = (row: string, times: number): string[] => new Array<string>(times).fill(row);

describe("limen cut", () => {
  it("prints a certified cut as score and bin with its counts", async () => {
    const text = lines(
      "segment,score,label",
      ...repeat("login,0.1,0", 500),
      ...repeat("login,0.75,1", 20),
    );
    expect(JSON.parse(await runCut(text, fpr))).toEqual([
      {
        segment: "login",
        cut: 0.75,
        bin: 3072,
        tagged: 20,
        n0: 500,
        n1: 20,
        certified: true,
        bound: expect.closeTo(1 - 0.1 ** (1 / 500), 12),
        reason: "0 of 500 negatives tagged, rate at most 0.459%",
      },
    ]);
  });

  it("tags nothing with 4096 where negatives are too few", async () => {
    const text = lines("segment,score,label", ...repeat("a,0.1,0", 229), "a,0.9,1");
    expect(JSON.parse(await runCut(text, fpr))).toMatchObject([
      { cut: null, bin: 4096, tagged: 0, certified: false, bound: null },
    ]);
  });

  it("allows as many false positives as the exact binomial does, counted by hand", async () => {
    const random = openRandom(21);
    const rows = Array.from({ length: 3_000 }, () => random.unit().toFixed(6));
    const text = lines("segment,score,label", ...rows.map((score) => `a,${score},0`));
    // scipy: binom.cdf(22, 3000, .01) = .0795, binom.cdf(23, 3000, .01) = .1134.
    const [found] = JSON.parse(await runCut(text, fpr));
    const bins = rows.map((score) => Math.floor(4096 * Number(score))).sort((a, b) => b - a);
    const cuts = [...new Set(bins)];
    const lowest = cuts.findLast((cut) => bins.filter((bin) => bin >= cut).length <= 22);
    expect(found.bin).toBe(lowest);
  });

  it("takes a score of 1 as bin 4095", async () => {
    const text = lines("segment,score,label", ...repeat("a,0,0", 300), "a,1,1");
    expect(JSON.parse(await runCut(text, fpr))[0].bin).toBe(4095);
  });

  it("reads bins before scores, and then has no score to show", async () => {
    const text = lines("segment,score,bin,label", ...repeat("a,0.9,7,0", 300), "a,0.1,2000,1");
    expect(JSON.parse(await runCut(text, fpr))).toMatchObject([{ bin: 2000, cut: null }]);
  });

  it("treats segments alone, in the order of the file", async () => {
    const text = lines(
      "segment,score,label",
      "b,0.5,0",
      ...repeat("a,0.1,0", 300),
      "a,0.6,1",
      "b,0.7,1",
    );
    expect(JSON.parse(await runCut(text, fpr))).toMatchObject([
      { segment: "b", n0: 1, certified: false },
      { segment: "a", n0: 300, certified: true },
    ]);
  });

  it("tags a share without labels for alert, never certified", async () => {
    const text = lines("segment,score", ...repeat("a,0.1", 98), "a,0.8", "a,0.9");
    expect(JSON.parse(await runCut(text, "--objective alert:0.02 -o json"))).toMatchObject([
      { tagged: 2, cut: Math.floor(0.8 * 4096) / 4096, n0: 0, n1: 0, certified: false },
    ]);
  });

  it("reads .gz, a byte order mark and Windows line ends", async () => {
    const text = `\ufeff${lines("segment,score,label", ...repeat("a,0.1,0", 300), "a,0.6,1")}`;
    const packed = gzipSync(text.replaceAll("\n", "\r\n"));
    expect(JSON.parse(await runCut(packed, fpr, "scores.csv.gz"))[0]).toMatchObject({ n0: 300 });
  });

  it("prints CSV that reads back", async () => {
    const text = lines("segment,score,label", ...repeat('"a, b",0.1,0', 3));
    const rows = parse(await runCut(text, "--objective fpr:0.01 -o csv"), { columns: true });
    expect(rows).toMatchObject([{ segment: "a, b", bin: "4096", certified: "false" }]);
  });

  it.each([
    ["a,2,1", 'line 2: score "2" is not a number from 0 to 1'],
    ["a,,1", 'line 2: score "" is not'],
    ["a,0x1,1", 'score "0x1" is not'],
    ["a,0.5,yes", 'line 2: label "yes" is neither'],
    ["a,0.5,", 'line 2: label "" is neither'],
    ["a,0.5", "line 2: 2 cells for 3 columns"],
    [",0.5,1", "line 2: the segment is empty"],
    ['a,"0.5,1', "is not CSV"],
  ])("refuses the row %s", async (row, message) => {
    await expect(runCut(lines("segment,score,label", row), fpr)).rejects.toThrow(message);
  });

  it.each([
    ["4096", "line 3"],
    ["1.5", "line 3"],
    ["-1", "line 3"],
  ])("refuses the bin %s at its line", async (bin, line) => {
    const text = lines("segment,bin,label", "a,4095,1", `a,${bin},1`);
    await expect(runCut(text, fpr)).rejects.toThrow(`${line}: bin "${bin}" is not`);
  });

  it.each([
    ["", "is empty"],
    ["segment,score,label\n", "no rows"],
    ["segment,value,label\na,1,1\n", 'no column "score" or "bin"'],
    ["segment,score\na,1\n", 'no column "label"'],
  ])("refuses the file %j", async (text, message) => {
    await expect(runCut(text, fpr)).rejects.toThrow(message);
  });

  it("takes as many segments as a table has, and not one more", async () => {
    const rows = Array.from({ length: SEGMENTS_MAX }, (_, at) => `s${at},0.5,0`);
    const found = JSON.parse(await runCut(lines("segment,score,label", ...rows), fpr));
    expect(found.length).toBe(SEGMENTS_MAX);
    await expect(
      runCut(lines("segment,score,label", ...rows, "one-more,0.5,0"), fpr),
    ).rejects.toThrow(`more than ${SEGMENTS_MAX} segments`);
  });

  it.each([
    ["--objective precision:0.7", "not in this version"],
    ["--objective recall:0.9", "not in this version"],
    ["--objective cost:fp=1,fn=5", "not in this version"],
    ["--objective fbeta:1", "not in this version"],
    ["--objective fpr:1", "a rate between 0 and 1"],
    ["--objective fpr", "use fpr:RATE or alert:SHARE"],
    ["--objective fpr:0.01 --confidence 1", "a number between 0 and 1"],
  ])("refuses %s", async (words, message) => {
    await expect(runCut("", words)).rejects.toThrow(message);
  });
});
