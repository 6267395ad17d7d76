import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { LoadedModel } from "../desired.ts";
import { LimenError } from "../errors.ts";
import { type Compiled, type CompileSource, compileModel, encodeCompiled } from "./compile.ts";
import { encodeTable } from "./encode.ts";
import { openScorer, type RowScorer } from "./row-scorer.ts";
import { type ModelSpec, parseModelSpec } from "./spec.ts";
import { standAloneTable } from "./stand-alone.ts";
import { readFile, readVectors, type Vectors } from "./vectors.ts";

/** A model as it lies on disk, not compiled yet. */
export type ModelFiles = {
  name: string;
  /** Null for a bare ONNX file. */
  spec: ModelSpec | null;
  onnx: Uint8Array;
  onnxPath: string;
  vectorsPath: string | null;
};

export type CompileWishes = { class?: string; range?: readonly [number, number] };

export type CompiledFiles = Compiled & {
  files: ModelFiles;
  source: CompileSource;
  /** The stand-alone table. */
  table: Uint8Array;
  vectors: Vectors | null;
};

const VECTORS = [".csv", ".f32", ".csv.gz", ".f32.gz"];

const findVectors = (stem: string): string | null =>
  VECTORS.map((ending) => stem + ending).find((path) => existsSync(path)) ?? null;

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** The model.yaml of a folder, or the file itself. */
export function readSpec(path: string): { spec: ModelSpec; folder: string } {
  const file = isFolder(path) ? join(path, "model.yaml") : path;
  const text = readFile(file).toString("utf8");
  return { spec: parseModelSpec(file, text), folder: dirname(file) };
}

/** The name of a bare file: its own, as a name may be written. */
function nameOfFile(path: string): string {
  const plain = basename(path)
    .replace(/\.onnx$/i, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return plain || "model";
}

/** Reads a model folder, its model.yaml, or a bare .onnx file. */
export function readModelFiles(path: string): ModelFiles {
  if (path.toLowerCase().endsWith(".onnx") && !isFolder(path)) {
    return {
      name: nameOfFile(path),
      spec: null,
      onnx: readFile(path),
      onnxPath: path,
      vectorsPath: findVectors(path.replace(/\.onnx$/i, ".vectors")),
    };
  }
  const { spec, folder } = readSpec(path);
  const onnxPath = join(folder, spec.file);
  const onnx = readFile(onnxPath);
  return {
    name: spec.name,
    spec,
    onnx,
    onnxPath,
    vectorsPath: findVectors(join(folder, "vectors")),
  };
}

function scoreAll(scorer: RowScorer, vectors: Vectors, softmax: boolean) {
  const binned: number[] = [];
  const bins: number[] = [];
  for (let row = 0; row < vectors.rows; row++) {
    const at = row * vectors.width;
    const scored = scorer.score(0, vectors.values.subarray(at, at + vectors.width));
    binned.push(softmax ? scored.score : scored.raw);
    if (scored.bin !== null) bins.push(scored.bin);
  }
  return { binned, bins };
}

/** Compiles what lies on disk; vectors beside the model give its range and the bins in use. */
export async function compileFiles(
  files: ModelFiles,
  wishes: CompileWishes = {},
): Promise<CompiledFiles> {
  const { spec } = files;
  const source: CompileSource = {
    name: files.name,
    class: wishes.class ?? spec?.class,
    features: spec?.features ?? null,
    range: wishes.range ?? spec?.range ?? "auto",
    tags: spec?.tags ?? [],
    folder: dirname(files.onnxPath),
  };
  // A first pass gives the names of the inputs of a bare file, and fails before vectors are read.
  const plain = compileModel({ ...source, range: [0, 1] }, files.onnx, null);
  const names = plain.features.map((feature) => feature.name);
  const vectors = files.vectorsPath ? readVectors(files.vectorsPath, names) : null;
  const scorer = vectors ? openScorer() : null;
  const compiled = compileModel(
    source,
    files.onnx,
    scorer && vectors
      ? (table) => {
          scorer.load(table);
          return scoreAll(scorer, vectors, plain.score.output === "softmax");
        }
      : null,
  );
  const table = encodeCompiled(files.name, compiled, source.tags);
  return { ...compiled, files, source, table, vectors };
}

/** Compiles a model folder for the service. */
export async function loadModel(folder: string): Promise<LoadedModel> {
  const files = readModelFiles(folder);
  const { spec } = files;
  if (!spec) {
    throw new LimenError("input", `${folder}: a service needs a model.yaml; --init writes one`);
  }
  const { score, features, report } = await compileFiles(files);
  return {
    ...{ name: spec.name, score, features, digest: report.digest, tags: spec.tags },
    tagNames: spec.tags.map((tag) => tag.value),
    bounds: spec.bounds,
    presets: { cuts: spec.defaults.cuts, objective: spec.defaults.objective },
  };
}

/** A table that measures the features of a model folder and scores nothing. */
export function featureTable(path: string): Uint8Array {
  const { spec } = readSpec(path);
  return encodeTable({ ...standAloneTable(null, spec.features), record: false });
}

function skeleton(name: string, compiled: Compiled): string {
  const { report, features } = compiled;
  const lines = features.map(
    (feature) => `  - { name: ${feature.name}, of: ${feature.of}, is: ${feature.is} }`,
  );
  const output =
    report.class === null ? "" : `, output: { class: ${JSON.stringify(report.class)} }`;
  return `# yaml-language-server: $schema=../model.schema.json
limen: 1
name: ${name}                        # header x-limen-${name}
model: { file: model.onnx${output} }
# One line an input of the model, in its order. "method as a number" is always missing: say where
# each input comes from. models/README.md lists sources and measures.
features:
${lines.join("\n")}
score: { range: ${report.range.from !== "asked" ? "auto" : `[${report.range.lo}, ${report.range.hi}]`} }
tags:                            # ascending; below the first no header is written
  - { value: ${name} }
bounds: { ${name}: [0, 1] }
defaults: { objective: "alert:0.02" }
privacy: { reads: [method] }     # what features may read; compile fails if one reads more
`;
}

/** Writes a model folder around a bare file: model.onnx and a model.yaml to fill in. */
export function initFolder(folder: string, compiled: CompiledFiles): string {
  const target = join(folder, "model.yaml");
  if (existsSync(target)) {
    throw new LimenError("input", `${target}: is there already; choose another folder`);
  }
  const name = nameOfFile(folder);
  mkdirSync(folder, { recursive: true });
  copyFileSync(compiled.files.onnxPath, join(folder, "model.onnx"));
  writeFileSync(target, skeleton(name, compiled));
  return target;
}
