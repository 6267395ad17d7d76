import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeTable } from "../../control/table/encode.ts";
import type { Model, TreeNode } from "../../control/table/table.ts";
import { aForest, aLeaf, aModel, aTable, aTree } from "../support/builders.ts";
import { openOffline, type Scored } from "../support/host-offline.ts";
import { binDully, rawDully, scoreDully } from "./dull-kernels.ts";

const OFFLINE = openOffline();
const FEATURES = 4;

function scoreOf(model: Model, vector: readonly number[]): Scored {
  const features = Array.from({ length: FEATURES }, (_, index) => ({
    name: `f${index}`,
    of: `header:x-${index}`,
    is: "number",
  }));
  const code = OFFLINE.check(encodeTable(aTable({ features, models: [model] })));
  if (code !== 0) throw new Error(`refused with ${code}`);
  const [scored] = OFFLINE.score(vector);
  if (scored === undefined) throw new Error("no model scored");
  return scored;
}

// Few thresholds and inputs, with neighbours in float32, so that ties are common.
const TIES = [0, 1, 1.0000001192092896, -1, 0.5, 1e30, -1e30];
const input = fc.oneof(
  fc.constantFrom(...TIES, Number.NaN, Infinity, -Infinity, -0, 3.4028234663852886e38),
  fc.float({ noNaN: true }),
);
const vector = fc.array(input, { minLength: FEATURES, maxLength: FEATURES });
const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
const threshold = fc.oneof(fc.constantFrom(...TIES), finite);
const slots = Array.from({ length: FEATURES }, (_, feature) => ({
  feature,
  nan: feature % 2 === 0 ? ("low" as const) : ("high" as const),
}));

const treeOf = (classes: number): fc.Arbitrary<TreeNode> =>
  fc.letrec<{ node: TreeNode }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 6, depthSize: "medium" },
      fc.array(finite, { minLength: classes, maxLength: classes }).map((leaf) => ({ leaf })),
      fc.record({
        slot: fc.nat(FEATURES - 1),
        threshold,
        left: tie("node"),
        right: tie("node"),
      }),
    ),
  })).node;

const forestOf = (classes: number): fc.Arbitrary<TreeNode[]> =>
  fc.array(treeOf(classes), { minLength: 1, maxLength: 25 });

const same = (seen: number, expected: number): void => {
  if (!Object.is(seen, expected)) expect([seen]).toEqual([expected]);
};

describe("the tree kernel", () => {
  it("sums as a recursive walk in float32 does, bit by bit", () => {
    fc.assert(
      fc.property(forestOf(1), vector, finite, (trees, values, base) => {
        const model = aForest(trees, { slots, base: [base], lo: -1000, hi: 1000 });
        const [raw = 0] = rawDully(model, values);
        const scored = scoreOf(model, values);
        same(scored.raw, raw);
        same(scored.bin, binDully(model, raw));
      }),
      { numRuns: 400 },
    );
  });

  it("sums in float64 when the model asks for it", () => {
    fc.assert(
      fc.property(forestOf(1), vector, (trees, values) => {
        const kernel = { kind: "trees", trees, divisor: 1, accumulator: "f64" } as const;
        const model = aForest(trees, { slots, kernel, base: [0.1] });
        same(scoreOf(model, values).raw, rawDully(model, values)[0] ?? 0);
      }),
      { numRuns: 200 },
    );
  });

  it("divides the sum of an average before the base is added", () => {
    fc.assert(
      fc.property(forestOf(1), vector, finite, (trees, values, base) => {
        const divisor = trees.length;
        const kernel = { kind: "trees", trees, divisor, accumulator: "f32" } as const;
        const model = aForest(trees, { slots, kernel, base: [base] });
        same(scoreOf(model, values).raw, rawDully(model, values)[0] ?? 0);
      }),
      { numRuns: 200 },
    );
  });

  it("gives the probability of its class with softmax, within 2e-6", () => {
    fc.assert(
      fc.property(forestOf(3), vector, fc.nat(2), (trees, values, own) => {
        const base = [0, 0.5, -0.5];
        const score = { base, class: own, output: "softmax", lo: 0, hi: 1 } as const;
        const model = aForest(trees, { slots, ...score });
        const expected = scoreDully(model, rawDully(model, values));
        expect(Math.abs(scoreOf(model, values).score - expected)).toBeLessThanOrEqual(2e-6);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [Number.NaN, 1],
    [-Infinity, 1],
    [2.4999998, 1],
    [2.5, 1],
    [2.5000002, 2],
    [Infinity, 2],
  ])("sends %f at a threshold of 2.5 to leaf %i, missing being low", (value, leaf) => {
    expect(scoreOf(aForest([aTree(0, 2.5, 1, 2)]), [value]).raw).toBe(leaf);
  });

  it("sends a missing value to the right when it is high", () => {
    const model = aForest([aTree(0, 2.5, 1, 2)], { slots: [{ feature: 0, nan: "high" }] });
    expect(scoreOf(model, [Number.NaN]).raw).toBe(2);
  });

  it.each([1, 2, 7, 8, 9, 15, 16, 17, 64])("walks %i trees, whatever is left of 8", (count) => {
    const trees = Array.from({ length: count }, (_, index) =>
      index % 3 === 0 ? aLeaf(index) : aTree(0, index, 0, index),
    );
    const model = aForest(trees);
    expect(scoreOf(model, [5]).raw).toBe(rawDully(model, [5])[0]);
  });

  it("walks a chain of 64 splits to its end", () => {
    let node: TreeNode = aLeaf(64);
    for (let depth = 63; depth >= 0; depth--) {
      node = { slot: 0, threshold: depth, left: aLeaf(depth), right: node };
    }
    const model = aForest([node]);
    expect([0, 31, 63, 64].map((value) => scoreOf(model, [value]).raw)).toEqual([0, 31, 63, 64]);
  });
});

describe("the linear kernel", () => {
  const number = fc.float({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 });
  const row = fc.array(number, { minLength: FEATURES, maxLength: FEATURES });
  const kept = slots.map(({ feature }) => ({ feature, nan: "keep" as const }));

  it("sums as a dull loop does, within 1e-5 of the sum of sizes", () => {
    fc.assert(
      fc.property(row, row, number, (weights, values, base) => {
        const kernel = { kind: "linear", weights: [weights] } as const;
        const model = aModel({ slots: kept, kernel, base: [base] });
        const sizes = weights.reduce(
          (sum, weight, slot) => sum + Math.abs(weight * (values[slot] ?? 0)),
          Math.abs(base),
        );
        const difference = scoreOf(model, values).raw - (rawDully(model, values)[0] ?? 0);
        // Below the smallest float32 a product is 0.
        expect(Math.abs(difference)).toBeLessThanOrEqual(1e-5 * sizes + 1e-37);
      }),
    );
  });

  it("gives the logistic of its raw score, within 1e-5", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -100, max: 100 }), (value) => {
        const score = scoreOf(aModel({ output: "logistic" }), [value]).score;
        expect(Math.abs(score - 1 / (1 + Math.exp(-value)))).toBeLessThanOrEqual(1e-5);
      }),
    );
  });

  it("gives no bin for a missing input", () => {
    expect(scoreOf(aModel(), [Number.NaN]).bin).toBe(65535);
  });
});
