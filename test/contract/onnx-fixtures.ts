import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createScorer } from "../../control/scorer.ts";
import { type Compiled, compileModel, encodeCompiled } from "../../control/table/compile.ts";

const ROOT = join(import.meta.dirname, "../..");
export const FIXTURES = join(ROOT, "test/fixtures/onnx");
/** Models beside the checkout, not part of it. */
export const BESIDE = join(ROOT, "../shared/data/onnx");

export const hasBeside = (): boolean => existsSync(join(BESIDE, "manifest.json"));

export const readModel = (folder: string, name: string): Buffer =>
  readFileSync(join(folder, `${name}.onnx`));

/** Rows of a file of little-endian floats. */
export function readRows(folder: string, file: string, width: number): Float32Array[] {
  const bytes = readFileSync(join(folder, file));
  const size = file.endsWith(".f64") ? 8 : 4;
  const read = (at: number): number =>
    size === 8 ? bytes.readDoubleLE(at) : bytes.readFloatLE(at);
  const rows = bytes.length / size / width;
  return Array.from({ length: rows }, (_, row) =>
    Float32Array.from({ length: width }, (_each, column) => read((row * width + column) * size)),
  );
}

export type Loaded = {
  compiled: Compiled;
  score: (row: Float32Array) => { raw: number; score: number; bin: number };
};

/** A bare model compiled, encoded, and taken by the filter's core. */
export function loadBare(onnx: Uint8Array, asked?: string): Loaded {
  const source = { name: "m", class: asked, features: null, range: [-8, 8], tags: [] } as const;
  const compiled = compileModel(source, onnx, null);
  const scorer = createScorer();
  const code = scorer.load(encodeCompiled("m", compiled, []));
  if (code !== 0) throw new Error(`the filter refuses the table: ${code}`);
  return { compiled, score: (row) => scorer.score(0, row) };
}

/** Largest difference of our scores from a column of expected ones; NaN equals NaN. */
export function compareScores(
  loaded: Loaded,
  rows: readonly Float32Array[],
  expected: readonly Float32Array[],
  column: number,
): number {
  let worst = 0;
  rows.forEach((row, at) => {
    const theirs = expected[at]?.[column] ?? Number.NaN;
    const { score } = loaded.score(row);
    const same = score === theirs || (Number.isNaN(score) && Number.isNaN(theirs));
    const error = same ? 0 : Math.abs(score - theirs);
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  });
  return worst;
}
