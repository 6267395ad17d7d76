import { existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import { readRows } from "../demo/replay/rows.ts";
import { LimenError } from "../errors.ts";
import { describeTable } from "../table/describe.ts";
import { writeFloat32 } from "../table/float-text.ts";
import { featureTable } from "../table/load-model.ts";
import { openScorer } from "../table/row-scorer.ts";
import { readFile } from "../table/vectors.ts";
import { openCounter, quoteCell, writeLines } from "./csv.ts";
import { outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const EXAMPLES = `
Examples:
  limen features --requests day.jsonl.gz --table models/bot -o csv
  limen features --requests day.jsonl --table bot.table --out vectors.csv

Each line of the file is one request: {"method": "GET", "path": "/", "headers": {}}.
The first line printed names the features; a missing value is an empty cell.`;

type Options = { requests: string; table: string; out?: string };

/** The bytes of a table, or a table made of the features of a model folder. */
function openTable(given: string): Uint8Array {
  const path = resolvePath(given);
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return folder || path.endsWith(".yaml") ? featureTable(path) : readFile(path, given);
}

async function* featureLines(table: Uint8Array, requests: string): AsyncGenerator<string> {
  const names = describeTable(table).features;
  const scorer = openScorer();
  scorer.load(table);
  const counter = openCounter("features: requests");
  yield names.map(quoteCell).join(",");
  for await (const request of readRows(requests)) {
    const vector = scorer.features(request);
    const cells = Array.from(vector, (value) => (Number.isNaN(value) ? "" : writeFloat32(value)));
    yield cells.join(",");
    counter.count();
  }
  counter.end();
}

async function runFeatures(options: Options): Promise<void> {
  const requests = resolvePath(options.requests);
  if (!existsSync(requests)) {
    throw new LimenError("missing", `${options.requests}: no such file; check the path`);
  }
  await writeLines(featureLines(openTable(options.table), requests), options.out);
}

/** `limen features`. */
export function addFeatures(program: Command): void {
  program
    .command("features")
    .description("compute the features of recorded requests, as the filter does")
    .requiredOption("--requests <file>", "requests: .jsonl or .jsonl.gz")
    .requiredOption("--table <path>", "a table, or the folder of a model")
    .option("--out <file>", "write here instead of standard output")
    .addOption(outputOption(["csv"], "csv"))
    .addHelpText("after", EXAMPLES)
    .action(runFeatures);
}
