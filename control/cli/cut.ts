import type { Command } from "commander";
import { BINS, CUT_NONE } from "../../models/limits.ts";
import { LimenError } from "../errors.ts";
import { walkFpr } from "../learn/certify/walk.ts";
import { countAll, countAtOrAbove, findCut, mergeHistograms } from "../learn/histogram.ts";
import { parseObjective } from "../learn/objective.ts";
import { type Column, type Format, formatRows, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";
import { readScores, type ScoreCounts } from "./score-rows.ts";

const EXAMPLES = `
Examples:
  limen cut --scores scores.csv --objective fpr:0.01 --confidence 0.9 -o json
  limen cut --scores scores.csv --objective alert:0.02

Input: CSV (also .gz) with the columns segment, score (0 to 1) and label (1 or 0). A column bin
(0 to 4095) is taken before score; without segment all rows are one; alert needs no label.
One look at fixed data: with the confidence asked for, each segment alone, the cut tags no more
than that rate of the negatives the rows were drawn from. Ask once per data set, not after each row.
A cut is a score, bin >= the printed bin is tagged; bin 4096 (no score) tags nothing.`;

type Goal = { kind: "fpr" | "alert"; share: number };
type Options = { scores: string; objective: Goal; confidence: number; output: Format };
type Row = {
  segment: string;
  /** As a score; null for none, and where the file had bins only. */
  cut: number | null;
  bin: number;
  /** Rows at or above the cut. */
  tagged: number;
  n0: number;
  n1: number;
  certified: boolean;
  bound: number | null;
  reason: string;
};

const COLUMNS: readonly Column<Row>[] = [
  { title: "segment", of: (row) => row.segment },
  { title: "cut", of: (row) => row.cut },
  { title: "bin", of: (row) => row.bin },
  { title: "tagged", of: (row) => row.tagged },
  { title: "n0", of: (row) => row.n0 },
  { title: "n1", of: (row) => row.n1 },
  { title: "certified", of: (row) => String(row.certified) },
  { title: "bound", of: (row) => (row.bound === null ? null : Number(row.bound.toPrecision(6))) },
  { title: "reason", of: (row) => row.reason },
];

function readShare(text: string): number {
  const share = /^\d*\.?\d+(e-\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return share > 0 && share < 1 ? share : Number.NaN;
}

function readGoal(text: string): Goal {
  const [, kind, value = ""] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  if (kind === "fpr") {
    const share = readShare(value);
    if (!Number.isNaN(share)) return { kind, share };
    throw new LimenError("usage", `--objective ${text}: a rate between 0 and 1, like fpr:0.01`);
  }
  if (kind !== undefined && ["precision", "recall", "cost", "fbeta"].includes(kind)) {
    throw new LimenError("usage", `--objective ${text}: not in this version; use fpr or alert`);
  }
  if (kind === "alert") {
    const objective = parseObjective(text);
    if (objective?.kind === "alert") return { kind, share: objective.share };
  }
  throw new LimenError("usage", `--objective ${text}: use fpr:RATE or alert:SHARE, like fpr:0.01`);
}

function readConfidence(text: string): number {
  const confidence = readShare(text);
  if (!Number.isNaN(confidence)) return confidence;
  throw new LimenError("usage", `--confidence ${text}: a number between 0 and 1, like 0.9`);
}

function chooseCut(counts: ScoreCounts, goal: Goal, confidence: number) {
  if (goal.kind === "fpr") {
    return walkFpr(counts, { rate: goal.share, risk: 1 - confidence, looks: "one" });
  }
  const all = mergeHistograms(Object.values(counts));
  const cut = findCut(all, goal.share);
  const share = ((100 * countAtOrAbove(all, cut)) / countAll(all)).toFixed(2);
  const asked = `${Number((100 * goal.share).toPrecision(6))}%`;
  const reason = `${share}% of ${countAll(all)} rows tagged, ${asked} asked for; never certified`;
  return { cut, certified: false, bound: null, reason };
}

function describeSegment(
  [segment, counts]: readonly [string, ScoreCounts],
  { objective, confidence }: Options,
  hasScores: boolean,
): Row {
  const { cut, certified, bound, reason } = chooseCut(counts, objective, confidence);
  return {
    segment,
    cut: cut === CUT_NONE || !hasScores ? null : cut / BINS,
    bin: cut,
    tagged: countAtOrAbove(mergeHistograms(Object.values(counts)), cut),
    n0: countAll(counts.negatives),
    n1: countAll(counts.positives),
    certified,
    bound,
    reason,
  };
}

async function runCut(options: Options): Promise<void> {
  const { scores, objective, output } = options;
  const file = await readScores(scores, resolvePath(scores), objective.kind === "fpr");
  const rows = [...file.segments].map((entry) => describeSegment(entry, options, file.hasScores));
  console.log(formatRows(rows, COLUMNS, output));
}

/** `limen cut`. */
export function addCut(program: Command): void {
  program
    .command("cut")
    .description("choose a cut for each segment from scores and labels, with a bound")
    .requiredOption("--scores <file>", "CSV: segment,score,label, or bin instead of score")
    .requiredOption("--objective <objective>", "fpr:RATE or alert:SHARE", readGoal)
    .option("--confidence <share>", "how sure an fpr cut is", readConfidence, 0.9)
    .addOption(outputOption(["table", "json", "csv"]))
    .addHelpText("after", EXAMPLES)
    .action(runCut);
}
