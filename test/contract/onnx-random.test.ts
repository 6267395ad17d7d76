import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildEdgeRows } from "../../control/table/onnx/edge-rows.ts";
import { verifyModel } from "../../control/table/onnx/verify.ts";
import { makeModel, makeNode } from "../control/table/onnx/build.ts";
import { loadBare } from "./onnx-fixtures.ts";

const MODES = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"].map((mode) => `BRANCH_${mode}`);
const WIDTH = 4;
const GRID = [-2, -1, 0, 2 ** -149, 0.5, 1, 3, 1e30].map(Math.fround);

type Shape = null | {
  mode: string;
  feature: number;
  value: number;
  tracks: number;
  sides: [Shape, Shape];
};

const shape = fc.letrec<{ tree: Shape }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.record({
      mode: fc.constantFrom(...MODES),
      feature: fc.nat(WIDTH - 1),
      value: fc.constantFrom(...GRID),
      tracks: fc.nat(1),
      sides: fc.tuple(tie("tree"), tie("tree")) as fc.Arbitrary<[Shape, Shape]>,
    }),
  ),
})).tree;
const weight = fc.float({ min: -4, max: 4, noNaN: true });

type Columns = Record<string, (number | string)[]>;

/** Adds a tree to the columns of an ensemble; gives the id of its root. */
function addTree(columns: Columns, tree: number, root: Shape, weights: Iterator<number>): void {
  let next = 0;
  const put = (name: string, value: number | string): number => {
    const column = columns[name] ?? [];
    columns[name] = column;
    return column.push(value) - 1;
  };
  const add = (node: Shape): number => {
    const id = next++;
    const row = put("nodes_nodeids", id);
    put("nodes_treeids", tree);
    put("nodes_featureids", node?.feature ?? 0);
    put("nodes_modes", node?.mode ?? "LEAF");
    put("nodes_values", node?.value ?? 0);
    put("nodes_missing_value_tracks_true", node?.tracks ?? 0);
    put("nodes_truenodeids", 0);
    put("nodes_falsenodeids", 0);
    if (node) {
      (columns["nodes_truenodeids"] ?? [])[row] = add(node.sides[0]);
      (columns["nodes_falsenodeids"] ?? [])[row] = add(node.sides[1]);
    } else {
      put("target_treeids", tree);
      put("target_nodeids", id);
      put("target_ids", 0);
      put("target_weights", weights.next().value ?? 0);
    }
    return id;
  };
  add(root);
}

function* repeat(values: readonly number[]): Generator<number> {
  for (let at = 0; ; at++) yield values[at % values.length] ?? 0;
}

describe("random forests of all split modes", () => {
  it("have the same raw sums as onnxruntime, bit by bit, on every edge", async () => {
    const forest = fc.array(shape, { minLength: 1, maxLength: 12 });
    const weights = fc.array(weight, { minLength: 5, maxLength: 40 });
    const aggregate = fc.constantFrom("SUM", "AVERAGE");
    await fc.assert(
      fc.asyncProperty(forest, weights, aggregate, weight, async (trees, leaves, how, base) => {
        const columns: Columns = {};
        const values = repeat(leaves);
        trees.forEach((tree, at) => void addTree(columns, at, tree, values));
        const onnx = makeModel(
          [
            makeNode("TreeEnsembleRegressor", {
              ...columns,
              ...{ n_targets: 1, aggregate_function: how, base_values: [base] },
            }),
          ],
          { width: WIDTH },
        );
        const loaded = loadBare(onnx);
        const rows = buildEdgeRows(loaded.compiled.score, WIDTH, 60);
        const verified = await verifyModel(onnx, undefined, loaded.compiled, rows, loaded.score);
        expect(verified).toMatchObject({ rawDiffer: 0, scoreErrorMax: 0 });
      }),
      { numRuns: 60 },
    );
  });
});
