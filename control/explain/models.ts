import { CUT_NONE } from "../../models/limits.ts";
import type { Scorer } from "../scorer.ts";
import type { ModelNames, TableNames } from "../table/describe.ts";
import { scoreOfBin } from "../table/score-scale.ts";
import type { CutExplained, FeatureExplained, ModelExplained } from "./view.ts";

/** A score offline, with null for what is no number. */
export type OfflineScore = { raw: number | null; score: number | null; bin: number | null };

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** The vector scored by the core that the proxy runs; the scorer holds the table. */
export function scoreOffline(
  scorer: Scorer,
  model: number,
  vector: ArrayLike<number>,
): OfflineScore {
  const { raw, score, bin } = scorer.score(model, vector);
  return { raw: orNull(raw), score: orNull(score), bin: bin < 0 ? null : bin };
}

export function nameFeatures(names: TableNames, vector: ArrayLike<number>): FeatureExplained[] {
  return names.features.map((name, at) => ({ name, value: orNull(vector[at] ?? Number.NaN) }));
}

function listCuts(model: ModelNames, segment: number): CutExplained[] {
  return model.tags.map(({ header, value }, at) => {
    const bin = model.cuts[segment]?.[at] ?? CUT_NONE;
    return { header, value, bin, score: scoreOfBin(model, bin) };
  });
}

/** The highest tag whose cut the bin reaches; cuts ascend. */
function findReached(cuts: readonly CutExplained[], bin: number | null): string | null {
  if (bin === null) return null;
  return cuts.findLast((cut) => bin >= cut.bin)?.value ?? null;
}

/** What is the same for a recorded decision and for a request that was never made. */
export function explainModel(
  names: TableNames,
  index: number,
  segment: number,
  scored: OfflineScore,
): ModelExplained {
  const model = names.models[index];
  if (!model) throw new RangeError(`table ${names.digest} has no model ${index}`);
  const cuts = listCuts(model, segment);
  const { bin } = scored;
  const ends = bin === null ? [] : [scoreOfBin(model, bin), scoreOfBin(model, bin + 1)];
  const [from = null, to = null] = ends;
  return {
    model: model.name,
    digest: model.digest,
    segment: names.segments[segment] ?? String(segment),
    mode: model.modes[segment] ?? "off",
    ...scored,
    binScores: from === null ? null : [from, to ?? highestScore(model)],
    cuts,
    reaches: findReached(cuts, bin),
    arm: null,
    tag: null,
    offline: null,
  };
}

/** The upper end of the last bin, which no cut has. */
function highestScore({ output, hi }: ModelNames): number {
  return output === "logistic" ? 1 / (1 + Math.exp(-hi)) : hi;
}
