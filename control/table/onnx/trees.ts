import type { ModelScore, Slot, TreeNode } from "../table.ts";
import { chooseClass, readLabels, readNumbers, readText, refuseNode } from "./attributes.ts";
import { type LeafWeights, readBranches, readLeafWeights } from "./branches.ts";
import { createFolding, foldTree } from "./fold.ts";
import { ELEMENT_DOUBLE, type Graph, type Node } from "./read.ts";

/** A model without its range. */
export type Scoring = Omit<ModelScore, "lo" | "hi">;

/** How the outputs of an ensemble become the one raw score, or the row of them for softmax. */
export type Choice = {
  outputs: number;
  /** The output of the file that is scored; softmax needs the others too. */
  column: number;
  /** -1 for the first class of a binary model, which is not in the file. */
  sign: 1 | -1;
  base: readonly number[];
  output: ModelScore["output"];
};

const OUTPUTS: Readonly<Record<string, ModelScore["output"]>> = {
  NONE: "identity",
  LOGISTIC: "logistic",
  SOFTMAX: "softmax",
};

function readOutput(node: Node): ModelScore["output"] {
  const transform = readText(node, "post_transform", "NONE");
  const output = OUTPUTS[transform];
  if (output) return output;
  throw refuseNode(node, `post_transform ${transform} is not compiled`);
}

/**
 * A binary classifier whose leaves hold one score, that of its second class. What runtimes do with
 * it is sound for LOGISTIC, and for NONE when no weight is negative: then the first class is 1 - s.
 */
function chooseSingle(node: Node, list: LeafWeights, base: number[], column: number): Choice {
  const output = readOutput(node);
  const id = list.outputs[0] ?? 0;
  if (output === "softmax") {
    throw refuseNode(node, "SOFTMAX over one score is skipped by onnxruntime; not compiled");
  }
  if (base.length > 1) {
    throw refuseNode(node, `${base.length} base values for one score; not compiled`);
  }
  const mixed = list.weights.some((weight) => weight < 0);
  if (output === "identity" && mixed) {
    throw refuseNode(node, "NONE over one score of mixed signs flips columns; not compiled");
  }
  if (output === "identity" && id === 1 && column === 0) {
    throw refuseNode(node, "class 0 is not filled when the one score is of class 1; not compiled");
  }
  const [start = 0] = base;
  if (column === 1) return { outputs: 2, column: id, sign: 1, base: [start], output };
  const negated = output === "identity" ? 1 - start : -start;
  return { outputs: 2, column: id, sign: -1, base: [negated], output };
}

/** One score a class: softmax needs all of them, anything else only the one chosen. */
function chooseColumn(node: Node, labels: number, base: number[], column: number): Choice {
  const output = readOutput(node);
  const filled = base.length > 0 ? base : new Array<number>(labels).fill(0);
  if (filled.length !== labels) {
    throw refuseNode(node, `${base.length} base values for ${labels} classes`);
  }
  const kept = output === "softmax" ? filled : [filled[column] ?? 0];
  return { outputs: labels, column, sign: 1, base: kept, output };
}

function chooseTarget(node: Node, base: number[], asked: string | undefined): Choice {
  const targets = node.attributes.get("n_targets")?.number ?? 1;
  if (targets !== 1) throw refuseNode(node, `${targets} targets; one is compiled`);
  if (asked !== undefined)
    throw refuseNode(node, "is a regressor and has no classes; drop --class");
  const output = readOutput(node);
  if (output !== "identity") {
    throw refuseNode(node, "a transform of one target is skipped by onnxruntime; not compiled");
  }
  if (base.length > 1) throw refuseNode(node, `${base.length} base values for one target`);
  return { outputs: 1, column: 0, sign: 1, base: [base[0] ?? 0], output };
}

function readDivisor(node: Node, trees: number): number {
  const aggregate = readText(node, "aggregate_function", "SUM");
  if (aggregate === "SUM") return 1;
  if (aggregate === "AVERAGE") return trees;
  throw refuseNode(node, `aggregate_function ${aggregate} is not compiled`);
}

/** Leaves with what is summed: all outputs for softmax, else the one that is scored. */
function pickLeaves(tree: TreeNode, choice: Choice): TreeNode {
  if (!("leaf" in tree)) {
    return { ...tree, left: pickLeaves(tree.left, choice), right: pickLeaves(tree.right, choice) };
  }
  return choice.output === "softmax"
    ? tree
    : { leaf: [choice.sign * (tree.leaf[choice.column] ?? 0)] };
}

/** Which of the outputs is scored, and how; refuses what runtimes do not agree on. */
export function chooseOutput(node: Node, list: LeafWeights, asked: string | undefined): Choice {
  const base = readNumbers(node, "base_values");
  if (node.operator.endsWith("Regressor")) return chooseTarget(node, base, asked);
  const labels = readLabels(node, "classlabels");
  const column = chooseClass(node, labels, asked);
  const single = labels.length === 2 && new Set(list.outputs).size === 1;
  return single
    ? chooseSingle(node, list, base, column)
    : chooseColumn(node, labels.length, base, column);
}

/** A TreeEnsembleClassifier or TreeEnsembleRegressor of opset ml 1 to 4 as a kernel. */
export function readTrees(graph: Graph, node: Node, asked?: string): Scoring {
  const opset = graph.opsets["ai.onnx.ml"] ?? 1;
  if (opset >= 5) throw refuseNode(node, `is gone from opset ai.onnx.ml ${opset}; export with 3`);
  const list = readLeafWeights(node, node.operator.endsWith("Regressor") ? "target" : "class");
  const choice = chooseOutput(node, list, asked);
  const slots: Slot[] = [];
  const folding = createFolding(slots);
  const branches = readBranches(node, list, choice.outputs);
  const trees = branches.map((branch) => pickLeaves(foldTree(folding, branch), choice));
  return {
    slots,
    kernel: {
      kind: "trees",
      trees,
      divisor: readDivisor(node, trees.length),
      accumulator: graph.input.elementType === ELEMENT_DOUBLE ? "f64" : "f32",
    },
    base: choice.base,
    output: choice.output,
    class: choice.output === "softmax" ? choice.column : 0,
  };
}
