import { LimenError } from "../errors.ts";
import { encodeTable } from "./encode.ts";
import type { Scoring } from "./onnx/trees.ts";
import { standAloneTable } from "./stand-alone.ts";
import type { Feature, Model, TreeNode } from "./table.ts";

type RangeOrigin = "asked" | "vectors" | "leaves" | "softmax" | "probability";

/** Raw scores of the probabilities one in a million and all but one in a million. */
const LOGIT_MAX = Math.log(999_999);

/** Where the bins begin and end, and who said so. */
export type Range = { lo: number; hi: number; from: RangeOrigin };

/** Scores the model's own vectors: what is binned of each, in the model's own numbers. */
export type ScoreVectors = (table: Uint8Array) => { binned: number[]; bins: number[] };

/** Extremes of the sum of leaves. */
function rangeOfLeaves(score: Scoring): { lo: number; hi: number } | null {
  const { kernel } = score;
  if (kernel.kind !== "trees") return null;
  const leaves = (node: TreeNode): number[] =>
    "leaf" in node ? [node.leaf[0] ?? 0] : [...leaves(node.left), ...leaves(node.right)];
  const sum = (pick: (values: number[]) => number): number =>
    kernel.trees.reduce((total, tree) => total + pick(leaves(tree)), 0) / kernel.divisor +
    (score.base[0] ?? 0);
  return { lo: sum((values) => Math.min(...values)), hi: sum((values) => Math.max(...values)) };
}

/** A range of some width: what never varies still needs bins. */
const widen = (lo: number, hi: number, share: number): { lo: number; hi: number } => {
  const margin = hi > lo ? (hi - lo) * share : 0.5;
  return { lo: lo - margin, hi: hi + margin };
};

function rangeOfVectors(model: Model, features: readonly Feature[], scoreAll: ScoreVectors): Range {
  const draft = encodeTable(standAloneTable({ ...model, lo: 0, hi: 1 }, features));
  const finite = scoreAll(draft).binned.filter(Number.isFinite);
  if (finite.length === 0) {
    throw new LimenError(
      "input",
      "vectors: no row has a score; check the file or give --range LO,HI",
    );
  }
  const lo = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const hi = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return { ...widen(lo, hi, 0.01), from: "vectors" };
}

/**
 * The range asked for, else that of the vectors plus 1%, else the extremes of the leaf sums, else,
 * for a linear model of a probability, all but its outermost millionths.
 */
export function chooseRange(
  asked: "auto" | readonly [number, number],
  model: Model,
  features: readonly Feature[],
  scoreAll: ScoreVectors | null,
): Range {
  if (asked !== "auto") {
    const [lo, hi] = asked;
    return { lo, hi, from: "asked" };
  }
  if (model.output === "softmax") return { lo: 0, hi: 1, from: "softmax" };
  if (scoreAll) return rangeOfVectors(model, features, scoreAll);
  const extremes = rangeOfLeaves(model);
  if (extremes) {
    const { lo, hi } = extremes;
    return { ...(hi > lo ? { lo, hi } : widen(lo, hi, 0)), from: "leaves" };
  }
  if (model.output === "logistic") return { lo: -LOGIT_MAX, hi: LOGIT_MAX, from: "probability" };
  throw new LimenError(
    "input",
    "range: a linear model has no lowest and highest score of its own; put vectors.csv beside it or give --range LO,HI (raw scores)",
  );
}
