import { LimenError } from "../errors.ts";
import { encodeTable, modelDigest } from "./encode.ts";
import { readLinear } from "./onnx/linear.ts";
import { type Graph, readGraph } from "./onnx/read.ts";
import { type Core, findCore } from "./onnx/tails.ts";
import { readTrees, type Scoring } from "./onnx/trees.ts";
import { chooseRange, type Range, type ScoreVectors } from "./range.ts";
import { dressModel, standAloneTable } from "./stand-alone.ts";
import type { Feature, ModelScore, Tag } from "./table.ts";
import { countNodes, measureDepth } from "./trees.ts";
import { findWarnings } from "./warnings.ts";

/** What the compiler did, for people and for checks. */
export type CompileReport = {
  model: string;
  digest: string;
  producer: string;
  irVersion: number;
  opsets: Readonly<Record<string, number>>;
  /** Operators of the file, each with its count. */
  operators: Record<string, number>;
  /** Operators left out because they do not change the score. */
  dropped: string[];
  kernel: "linear" | "trees";
  output: ModelScore["output"];
  class: string | null;
  features: number;
  slots: number;
  trees: number;
  nodes: number;
  /** Worst-case steps of a walk through all trees. */
  steps: number;
  onnxBytes: number;
  tableBytes: number;
  /** Of the raw score, or of the score with softmax. */
  range: Range;
  /** Distinct bins of the model's vectors; null without vectors. */
  binsUsed: number | null;
  warnings: string[];
};

export type CompileSource = {
  name: string;
  class: string | undefined;
  /** Null takes the inputs as features f0, f1, ... */
  features: readonly Feature[] | null;
  range: "auto" | readonly [number, number];
  tags: readonly Tag[];
  /** Folder of the file, for messages about weights beside it. */
  folder?: string;
};

export type Compiled = {
  score: ModelScore;
  features: readonly Feature[];
  report: CompileReport;
};

/**
 * Features of a bare file. Nothing says where its inputs come from, so in a proxy each of them is
 * missing (a method is never a number); model.yaml says it.
 */
export function nameInputs(count: number): Feature[] {
  return Array.from({ length: count }, (_, at) => ({ name: `f${at}`, of: "method", is: "number" }));
}

function checkInputs(scoring: Scoring, graph: Graph, features: readonly Feature[]): void {
  const read = scoring.slots.reduce((most, slot) => Math.max(most, slot.feature + 1), 0);
  const inputs = graph.input.features ?? read;
  if (features.length !== inputs || read > inputs) {
    throw new LimenError(
      "input",
      `features: ${features.length} are listed, the model takes ${Math.max(inputs, read)}; list them in the order of its inputs`,
    );
  }
}

function readScoring(graph: Graph, core: Core, asked: string | undefined): Scoring {
  return core.node.operator.includes("Tree")
    ? readTrees(graph, core.node, asked)
    : readLinear(graph, core.node, asked);
}

function countOperators(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operator } of graph.nodes) counts[operator] = (counts[operator] ?? 0) + 1;
  return counts;
}

function measureKernel(score: ModelScore): Pick<CompileReport, "trees" | "nodes" | "steps"> {
  if (score.kernel.kind !== "trees") return { trees: 0, nodes: 0, steps: 0 };
  const { trees } = score.kernel;
  return {
    trees: trees.length,
    nodes: trees.reduce((sum, tree) => sum + countNodes(tree), 0),
    steps: trees.reduce((sum, tree) => sum + measureDepth(tree), 0),
  };
}

/** ONNX to a kernel with its range, and the report. */
export function compileModel(
  source: CompileSource,
  onnx: Uint8Array,
  scoreAll: ScoreVectors | null,
): Compiled {
  const graph = readGraph(onnx, source.folder);
  const core = findCore(graph);
  const scoring = readScoring(graph, core, source.class);
  const read = scoring.slots.reduce((most, slot) => Math.max(most, slot.feature + 1), 0);
  const features = source.features ?? nameInputs(graph.input.features ?? read);
  checkInputs(scoring, graph, features);
  const draft = dressModel(source.name, { ...scoring, lo: 0, hi: 1 }, source.tags);
  const range = chooseRange(source.range, draft, features, scoreAll);
  const score: ModelScore = { ...scoring, lo: range.lo, hi: range.hi };
  const bytes = encodeTable(standAloneTable(dressModel(source.name, score, source.tags), features));
  const binsUsed = scoreAll ? new Set(scoreAll(bytes).bins).size : null;
  const report: CompileReport = {
    model: source.name,
    digest: modelDigest({ ...score, name: source.name }, features),
    producer: graph.producer,
    irVersion: graph.irVersion,
    opsets: graph.opsets,
    operators: countOperators(graph),
    dropped: core.dropped,
    kernel: score.kernel.kind,
    output: score.output,
    class: core.classifier ? (source.class ?? "1") : null,
    features: features.length,
    slots: score.slots.length,
    ...measureKernel(score),
    onnxBytes: onnx.length,
    tableBytes: bytes.length,
    range,
    binsUsed,
    warnings: findWarnings(graph, core, score, range, binsUsed),
  };
  return { score, features, report };
}

/** The bytes of a compiled model's own table. */
export function encodeCompiled(name: string, compiled: Compiled, tags: readonly Tag[]): Uint8Array {
  return encodeTable(standAloneTable(dressModel(name, compiled.score, tags), compiled.features));
}
