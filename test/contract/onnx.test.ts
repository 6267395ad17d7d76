import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildEdgeRows } from "../../control/table/onnx/edge-rows.ts";
import { verifyModel } from "../../control/table/onnx/verify.ts";
import { compareScores, FIXTURES, loadBare, readModel, readRows } from "./onnx-fixtures.ts";

type Case = { name: string; rows: number; features: number; columns: number };

const CASES = JSON.parse(readFileSync(join(FIXTURES, "manifest.json"), "utf8")) as Case[];
const EDGE_ROWS = 1500;
const isLinear = (name: string): boolean => name.includes("logistic");

/** Every class of a model; a regressor has none. */
const classesOf = ({ columns }: Case): (string | undefined)[] =>
  columns === 1 ? [undefined] : Array.from({ length: columns }, (_, at) => String(at));

describe("compiled fixtures, scored by the filter's core", () => {
  for (const each of CASES) {
    const onnx = readModel(FIXTURES, each.name);
    const most = isLinear(each.name) ? 1e-5 : 2e-6;
    const rows = readRows(FIXTURES, `${each.name}.inputs.f32`, each.features);
    const expected = readRows(FIXTURES, `${each.name}.expected.f32`, each.columns);

    for (const asked of classesOf(each)) {
      const label = asked === undefined ? each.name : `${each.name}, class ${asked}`;

      it(`${label}: within ${most} of what was recorded from onnxruntime`, () => {
        const column = asked === undefined ? 0 : Number(asked);
        expect(rows).toHaveLength(each.rows);
        expect(compareScores(loadBare(onnx, asked), rows, expected, column)).toBeLessThanOrEqual(
          most,
        );
      });

      it(`${label}: equal to onnxruntime today on the edges of the model`, async () => {
        const loaded = loadBare(onnx, asked);
        const edges = buildEdgeRows(loaded.compiled.score, each.features, EDGE_ROWS);
        const verified = await verifyModel(onnx, asked, loaded.compiled, edges, loaded.score);
        expect(verified.rows).toBeGreaterThanOrEqual(EDGE_ROWS);
        expect(verified.rawDiffer).toBe(isLinear(each.name) ? null : 0);
        expect(verified.scoreErrorMax).toBeLessThanOrEqual(most);
      });
    }
  }

  it("takes class 1 of a binary model unless told", () => {
    const onnx = readModel(FIXTURES, "xgboost-binary");
    const row = Float32Array.of(10, 20, 0.5, 1, 1, 0);
    expect(loadBare(onnx).score(row)).toEqual(loadBare(onnx, "1").score(row));
  });
});
