// The shipped model: its table, its vectors and its figures belong together.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { generateRequests } from "../../control/demo/traffic/generate.ts";
import type { DemoRequest } from "../../control/demo/traffic/request.ts";
import { createScorer, type Scorer } from "../../control/scorer.ts";
import {
  type CompiledFiles,
  compileFiles,
  readModelFiles,
} from "../../control/table/load-model.ts";

const FOLDER = join(import.meta.dirname, "../../models/bot");
/** train.py keeps every 10th row of the 40,000 it was given. */
const SAMPLE_STEP = 10;

/** The request as the filter sees it: a client adds the length of an empty body. */
const asSeen = ({ method, path, authority, headers }: DemoRequest) => ({
  method,
  path,
  authority,
  headers: [
    ...Object.entries(headers),
    ...(method === "POST" ? [["content-length", "0"] as const] : []),
  ],
});

/** Chance that a bot outscores a person, ties half: counted pair by pair. */
function countAuc(bots: readonly number[], people: readonly number[]): number {
  let wins = 0;
  for (const bot of bots) {
    for (const person of people) wins += bot > person ? 1 : bot === person ? 0.5 : 0;
  }
  return wins / (bots.length * people.length);
}

describe("models/bot", () => {
  let compiled: CompiledFiles;
  let scorer: Scorer;

  beforeAll(async () => {
    compiled = await compileFiles(readModelFiles(FOLDER), {});
    scorer = createScorer();
    expect(scorer.load(compiled.table)).toBe(0);
  });

  it("compiles to the committed table", () => {
    expect(Buffer.from(compiled.table).equals(readFileSync(join(FOLDER, "table.bin")))).toBe(true);
  });

  it("uses more than 1,000 bins", () => {
    expect(compiled.report.binsUsed ?? 0).toBeGreaterThan(1_000);
  });

  it("was trained on vectors that are the same without Envoy", () => {
    const [, ...lines] = readFileSync(join(FOLDER, "vectors.csv"), "utf8").trim().split("\n");
    const count = 3_000;
    const requests = generateRequests({ seed: 7, count, botShare: 0.3, mode: "train" });
    const wrong = requests
      .filter((_, index) => index % SAMPLE_STEP === 0)
      .map((request, index) => {
        const recorded = (lines[index] ?? "").split(",").map((c) => (c === "" ? Number.NaN : +c));
        return { index, recorded, computed: [...scorer.features(asSeen(request))] };
      })
      .filter(({ recorded, computed }) => !recorded.every((v, i) => Object.is(v, computed[i])));
    expect(wrong).toEqual([]);
  });

  it("tells bots from people with an AUC of .95 to .99 on traffic of another seed", () => {
    const requests = generateRequests({ seed: 5_150, count: 6_000, botShare: 0.2, mode: "live" });
    const scored = requests
      .filter(({ truth }) => truth.class !== "partner")
      .map((request) => ({
        bot: request.truth.bot,
        bin: scorer.score(0, scorer.features(asSeen(request))).bin,
      }));
    const bins = (bot: boolean) => scored.filter((row) => row.bot === bot).map(({ bin }) => bin);
    const auc = countAuc(bins(true), bins(false));
    expect(auc).toBeGreaterThan(0.95);
    expect(auc).toBeLessThan(0.99);
  });

  it("stays below 1 MB of vectors", () => {
    expect(readFileSync(join(FOLDER, "vectors.csv")).length).toBeLessThan(1024 * 1024);
  });
});
