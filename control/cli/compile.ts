import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { LimenError } from "../errors.ts";
import type { CompileReport } from "../table/compile.ts";
import { writeFloat32 } from "../table/float-text.ts";
import {
  type CompiledFiles,
  compileFiles,
  initFolder,
  readModelFiles,
} from "../table/load-model.ts";
import { buildEdgeRows } from "../table/onnx/edge-rows.ts";
import { SCORE_ERROR_MAX, type Verification, verifyModel } from "../table/onnx/verify.ts";
import { openScorer } from "../table/row-scorer.ts";
import { type Format, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const VERIFY_ROWS = 10_000;
const EXAMPLES = `
Examples:
  limen compile models/bot --verify                     a model folder, compared with onnxruntime
  limen compile fraud.onnx --class 1 --out fraud.table  a bare file; inputs become f0, f1, ...
  limen compile fraud.onnx --init models/fraud          a folder with a model.yaml to fill in

The table written by --out is the model alone: one segment, in shadow, no cuts.`;

type Options = {
  class?: string;
  out?: string;
  report?: string;
  range?: readonly [number, number];
  verify?: boolean;
  init?: string;
  output: Format;
};

function parseRange(text: string): [number, number] {
  const [lo = Number.NaN, hi = Number.NaN, ...rest] = text.split(",").map(Number);
  if (rest.length === 0 && Number.isFinite(lo) && Number.isFinite(hi) && lo < hi) return [lo, hi];
  throw new InvalidArgumentError("two numbers, the lower first, like -4.5,4.5");
}

function describeReport(report: CompileReport): string[] {
  const { range } = report;
  const size =
    report.kernel === "trees"
      ? `${report.trees} trees, ${report.nodes} nodes, at most ${report.steps} steps a request`
      : `${report.slots} weights`;
  const range32 = `${writeFloat32(Math.fround(range.lo))} to ${writeFloat32(Math.fround(range.hi))}`;
  const bins = report.binsUsed === null ? "" : `, ${report.binsUsed} bins in use`;
  return [
    `${report.model}: ${report.kernel}, ${report.features} features, ${size}`,
    `  digest ${report.digest}, table ${report.tableBytes} bytes (ONNX ${report.onnxBytes})`,
    `  output ${report.output}${report.class === null ? "" : `, class ${report.class}`}; bins over ${range32} (${range.from})${bins}`,
    ...(report.dropped.length > 0 ? [`  left out: ${report.dropped.join(", ")}`] : []),
    ...report.warnings.map((warning) => `  warning: ${warning}`),
  ];
}

function describeVerification(verified: Verification): string {
  const raw =
    verified.rawDiffer === null
      ? "no raw reference"
      : `raw sums differ in ${verified.rawDiffer} rows`;
  const error = verified.scoreErrorMax.toExponential(2);
  return `  verified on ${verified.rows} rows: ${raw}, largest score error ${error} (row ${verified.worstRow})`;
}

function* vectorRows(compiled: CompiledFiles): Generator<Float32Array> {
  const { vectors } = compiled;
  for (let row = 0; vectors && row < Math.min(vectors.rows, VERIFY_ROWS); row++) {
    yield vectors.values.subarray(row * vectors.width, (row + 1) * vectors.width);
  }
  yield* buildEdgeRows(compiled.score, compiled.features.length, VERIFY_ROWS);
}

async function verify(compiled: CompiledFiles): Promise<Verification> {
  const scorer = openScorer();
  scorer.load(compiled.table);
  return verifyModel(
    compiled.files.onnx,
    compiled.source.class,
    compiled,
    vectorRows(compiled),
    (row) => scorer.score(0, row),
  );
}

function print(options: Options, compiled: CompiledFiles, verified: Verification | null): void {
  const report = { ...compiled.report, ...(verified && { verified }) };
  if (options.report) {
    writeFileSync(resolvePath(options.report), `${JSON.stringify(report, null, 2)}\n`);
  }
  if (options.output === "json") {
    console.log(JSON.stringify(report, null, 2));
    return;
  }
  const lines = describeReport(compiled.report);
  if (verified) lines.push(describeVerification(verified));
  lines.push(
    options.out ? `  written: ${options.out}` : "  nothing written; --out FILE writes the table",
  );
  console.log(lines.join("\n"));
}

async function runCompile(path: string, options: Options): Promise<void> {
  const files = readModelFiles(resolvePath(path));
  const compiled = await compileFiles(files, {
    ...(options.class !== undefined && { class: options.class }),
    ...(options.range && { range: options.range }),
  });
  if (options.init) {
    if (files.spec) throw new LimenError("usage", "--init: takes a bare .onnx file, not a folder");
    console.log(
      `written: ${initFolder(resolvePath(options.init), compiled)}; fill in its features`,
    );
  }
  const verified = options.verify ? await verify(compiled) : null;
  if (options.out) writeFileSync(resolvePath(options.out), compiled.table);
  print(options, compiled, verified);
  if (verified && !verified.passed) {
    const most = SCORE_ERROR_MAX[compiled.report.kernel];
    throw new LimenError(
      "refused",
      `--verify: differs from onnxruntime (raw sums must be equal, scores within ${most}); do not use this table`,
    );
  }
}

/** `limen compile`. */
export function addCompile(program: Command): void {
  program
    .command("compile")
    .description("compile a model to a table, with a report")
    .argument("<path>", "the folder of a model, or an .onnx file")
    .option("--class <label>", "the class whose score is used (binary: the second)")
    .option(
      "--range <lo,hi>",
      "raw scores the bins span (default: from the model's vectors)",
      parseRange,
    )
    .option("--out <file>", "write the table here")
    .option("--report <file>", "write the report here, as JSON")
    .option("--verify", "compare with onnxruntime on vectors and on every threshold")
    .option("--init <folder>", "write a model folder around a bare .onnx file")
    .addOption(outputOption(["table", "json"]))
    .addHelpText("after", EXAMPLES)
    .action(runCompile);
}
