import * as limit from "../../models/limits.ts";
import type { ModelScore } from "./table.ts";

/** What is binned at a score: the raw score behind it, or the score itself with softmax. */
function binnedOfScore(output: ModelScore["output"], score: number): number {
  return output === "logistic" ? Math.log(score / (1 - score)) : score;
}

/**
 * The smallest cut whose bins hold no score below `score`; 4096 (none) above the range.
 * For people's numbers only: requests are binned in the filter.
 */
export function binOfScore(model: Pick<ModelScore, "output" | "lo" | "hi">, score: number): number {
  const k = limit.BINS / (model.hi - model.lo);
  const bin = Math.ceil((binnedOfScore(model.output, score) - model.lo) * k);
  return Math.min(Math.max(bin, 0), limit.CUT_NONE);
}

/** The lowest score a cut tags, for people; null for none. */
export function scoreOfBin(
  model: Pick<ModelScore, "output" | "lo" | "hi">,
  bin: number,
): number | null {
  if (bin >= limit.CUT_NONE) return null;
  const binned = model.lo + (bin * (model.hi - model.lo)) / limit.BINS;
  return model.output === "logistic" ? 1 / (1 + Math.exp(-binned)) : binned;
}

/** A cut as people write it: a score, `bin:N`, or `none`. */
export function binOfCut(
  model: Pick<ModelScore, "output" | "lo" | "hi">,
  cut: number | string,
): number {
  if (typeof cut === "number") return binOfScore(model, cut);
  return cut === "none" ? limit.CUT_NONE : Number(cut.slice("bin:".length));
}
