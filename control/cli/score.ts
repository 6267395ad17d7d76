import type { Command } from "commander";
import { LimenError } from "../errors.ts";
import { describeTable } from "../table/describe.ts";
import { writeFloat32 } from "../table/float-text.ts";
import { openScorer } from "../table/row-scorer.ts";
import { readFile, readVectors, type Vectors } from "../table/vectors.ts";
import { openCounter, writeLines } from "./csv.ts";
import { outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const EXAMPLES = `
Examples:
  limen score --table bot.table --inputs vectors.csv -o csv
  limen score --table bot.table --inputs vectors.f32 --out scores.csv

Inputs: .csv with a column for each feature of the table, by name, in any order (an empty cell is
missing), or .f32: rows of little-endian float32, as long as the table has features.
Prints row,raw,score,bin: the row from 0, what the model adds up, its own output value, and the bin.
A row without a score (a linear model with a missing input) has NaN and no bin.`;

type Options = { table: string; inputs: string; model?: string; out?: string };

function findModel(names: readonly string[], asked: string | undefined): number {
  if (names.length === 0)
    throw new LimenError("input", "--table: holds no model; nothing to score");
  if (asked === undefined && names.length === 1) return 0;
  const at = names.indexOf(asked ?? "");
  if (at >= 0) return at;
  throw new LimenError("usage", `--model: one of ${names.join(", ")}`);
}

async function* scoreLines(
  table: Uint8Array,
  model: number,
  vectors: Vectors,
): AsyncGenerator<string> {
  const scorer = openScorer();
  scorer.load(table);
  const counter = openCounter("score: rows");
  yield "row,raw,score,bin";
  for (let row = 0; row < vectors.rows; row++) {
    const at = row * vectors.width;
    const { raw, score, bin } = scorer.score(
      model,
      vectors.values.subarray(at, at + vectors.width),
    );
    yield `${row},${writeFloat32(raw)},${writeFloat32(score)},${bin ?? ""}`;
    counter.count();
  }
  counter.end();
}

async function runScore(options: Options): Promise<void> {
  const table = readFile(resolvePath(options.table), options.table);
  const names = describeTable(table);
  const model = findModel(
    names.models.map((each) => each.name),
    options.model,
  );
  const vectors = readVectors(resolvePath(options.inputs), names.features, options.inputs);
  await writeLines(scoreLines(table, model, vectors), options.out);
}

/** `limen score`. */
export function addScore(program: Command): void {
  program
    .command("score")
    .description("score rows of features with a table, as the filter does")
    .requiredOption("--table <file>", "a table, as compile --out writes it")
    .requiredOption("--inputs <file>", "vectors: .csv or .f32, also with .gz")
    .option("--model <name>", "which model, when the table holds several")
    .option("--out <file>", "write here instead of standard output")
    .addOption(outputOption(["csv"], "csv"))
    .addHelpText("after", EXAMPLES)
    .action(runScore);
}
