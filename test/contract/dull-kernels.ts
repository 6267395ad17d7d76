// The kernels once more, written for reading only: a recursive walk and a plain sum.
import type { Kernel, ModelScore, TreeNode } from "../../control/table/table.ts";

/** Model inputs: a missing value goes to the side the slot names. */
function slotValues(model: ModelScore, vector: readonly number[]): number[] {
  return model.slots.map((slot) => {
    const value = Math.fround(vector[slot.feature] ?? Number.NaN);
    if (!Number.isNaN(value) || slot.nan === "keep") return value;
    return slot.nan === "low" ? -Infinity : Infinity;
  });
}

function walk(node: TreeNode, inputs: readonly number[]): readonly number[] {
  if ("leaf" in node) return node.leaf;
  const goesLeft = (inputs[node.slot] ?? Number.NaN) <= Math.fround(node.threshold);
  return walk(goesLeft ? node.left : node.right, inputs);
}

function sumTrees(
  kernel: Kernel & { kind: "trees" },
  base: number,
  inputs: readonly number[],
  at: number,
): number {
  const round = kernel.accumulator === "f32" ? Math.fround : (value: number): number => value;
  let sum = 0;
  for (const tree of kernel.trees) sum = round(sum + Math.fround(walk(tree, inputs)[at] ?? 0));
  // Either way the raw score is a float32 in the end.
  return Math.fround(round(sum / Math.fround(kernel.divisor)) + round(base));
}

/** Raw scores, one a class, the base added last. */
export function rawDully(model: ModelScore, vector: readonly number[]): number[] {
  const inputs = slotValues(model, vector);
  const { kernel } = model;
  return model.base.map((base, at) => {
    if (kernel.kind === "trees") return sumTrees(kernel, base, inputs, at);
    const row = kernel.weights[at] ?? [];
    return row.reduce((sum, weight, slot) => sum + weight * (inputs[slot] ?? 0), 0) + base;
  });
}

/** The model's own output value, in f64. */
export function scoreDully(model: ModelScore, raw: readonly number[]): number {
  const own = raw[model.class] ?? Number.NaN;
  if (model.output === "identity") return own;
  if (model.output === "logistic") return 1 / (1 + Math.exp(-own));
  const most = Math.max(...raw);
  const powers = raw.map((value) => Math.exp(value - most));
  return Math.exp(own - most) / powers.reduce((sum, power) => sum + power, 0);
}

export function binDully(model: ModelScore, binned: number): number {
  const bin = Math.floor((binned - model.lo) * (4096 / (model.hi - model.lo)));
  return Math.min(4095, Math.max(0, bin));
}
