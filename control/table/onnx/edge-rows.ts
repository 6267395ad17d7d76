import type { ModelScore, TreeNode } from "../table.ts";
import { F32_MAX, floatBelow } from "./floats.ts";

/** 32 bits a call, the same for the same seed (mulberry32). */
function createDraws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function collectThresholds(score: ModelScore, width: number): number[][] {
  const found = Array.from({ length: width }, () => new Set<number>([0]));
  const walk = (node: TreeNode): void => {
    if ("leaf" in node) return;
    found[score.slots[node.slot]?.feature ?? 0]?.add(node.threshold);
    walk(node.left);
    walk(node.right);
  };
  if (score.kernel.kind === "trees") for (const tree of score.kernel.trees) walk(tree);
  return found.map((values) => [...values]);
}

const floatAbove = (value: number): number => -floatBelow(-value);

/**
 * Rows that walk along the edges of a model: every threshold once and its two float neighbours, the
 * rest of each row drawn from the thresholds too; then missing values, zeros and the largest floats.
 */
export function buildEdgeRows(score: ModelScore, width: number, least: number): Float32Array[] {
  const draw = createDraws(1);
  const thresholds = collectThresholds(score, width);
  const pick = (values: readonly number[]): number =>
    values[Math.floor(draw() * values.length)] ?? 0;
  const ordinary = (feature: number): number => {
    const kind = draw();
    if (kind < 0.1) return Number.NaN;
    const value = pick(thresholds[feature] ?? []);
    return kind < 0.7 ? Math.fround(value + (draw() - 0.5) * (1 + Math.abs(value))) : value;
  };
  const makeRow = (change?: { feature: number; value: number }): Float32Array => {
    const row = Float32Array.from({ length: width }, (_, feature) => ordinary(feature));
    if (change) row[change.feature] = change.value;
    return row;
  };
  const rows = thresholds.flatMap((values, feature) =>
    values.flatMap((value) =>
      [value, floatBelow(value), floatAbove(value)].map((each) =>
        makeRow({ feature, value: each }),
      ),
    ),
  );
  const extremes = [Number.NaN, 0, -0, F32_MAX, -F32_MAX, 2 ** -149, -(2 ** -149)];
  for (const value of extremes) {
    rows.push(new Float32Array(width).fill(value));
    for (let feature = 0; feature < width; feature++) rows.push(makeRow({ feature, value }));
  }
  while (rows.length < least) rows.push(makeRow());
  return rows;
}
