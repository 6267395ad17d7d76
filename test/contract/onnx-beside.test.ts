import { describe, expect, it } from "vitest";
import { buildEdgeRows } from "../../control/table/onnx/edge-rows.ts";
import { verifyModel } from "../../control/table/onnx/verify.ts";
import {
  BESIDE,
  compareScores,
  hasBeside,
  loadBare,
  readModel,
  readRows,
} from "./onnx-fixtures.ts";

// Models of real data beside the checkout: name, inputs, columns, class, widest score error.
const ACCEPTED: readonly [string, number, number, string, number][] = [
  ["sk_logreg_http27", 27, 2, "1", 1e-5],
  ["sk_tree_http27", 27, 2, "1", 2e-6],
  ["sk_rf50_http27", 27, 2, "1", 2e-6],
  ["sk_gb80_shoppers", 17, 2, "1", 2e-6],
  ["sk_histgb_nan_http28", 28, 2, "1", 2e-6],
  ["lgbm_100x31_http28", 28, 2, "1", 2e-6],
  ["xgb_binary_phish56", 56, 2, "1", 2e-6],
  ["xgb_multi5_httpparams28", 28, 5, "3", 2e-6],
];
const REFUSED: readonly [string, string][] = [
  ["pipe_scaler_logreg_shoppers", "operator ai.onnx.ml:Scaler"],
  ["pipe_imputer_scaler_rf_http28", "operator ai.onnx.ml:Imputer"],
  ["pipe_scaler_mlp32x16_shoppers", "operator ai.onnx.ml:Scaler"],
  ["zipmap_scaler_logreg_phish56", "operator ai.onnx.ml:Scaler"],
  ["refuse/refuse_iforest", "operator Gather"],
  ["refuse/refuse_svc", "operator ai.onnx.ml:SVMClassifier"],
  ["refuse/refuse_tfidf", "operator Reshape"],
  ["refuse/refuse_extdata_parent", "outside the model's folder"],
  ["refuse/refuse_extdata_absolute", "absolute path"],
  ["refuse/refuse_extdata_missing", 'weights in "weights.bin"'],
];

/** Whether the folder is there; a line says so when not. */
function present(): boolean {
  if (!hasBeside()) process.stdout.write("models beside the checkout are not there\n");
  return hasBeside();
}

describe("models beside the checkout", () => {
  for (const [name, features, columns, asked, most] of ACCEPTED) {
    it(`${name}: scores as recorded, within ${most}`, () => {
      if (!present()) return;
      const rows = readRows(BESIDE, `${name}.inputs.f32`, features);
      const expected = readRows(BESIDE, `${name}.expected.f32`, columns);
      const loaded = loadBare(readModel(BESIDE, name), asked);
      expect(rows.length).toBeGreaterThan(1000);
      expect(compareScores(loaded, rows, expected, Number(asked))).toBeLessThanOrEqual(most);
    });

    it(`${name}: raw sums as onnxruntime adds them, on 2,000 edge rows`, async () => {
      if (!present()) return;
      const onnx = readModel(BESIDE, name);
      const loaded = loadBare(onnx, asked);
      const rows = buildEdgeRows(loaded.compiled.score, features, 2000).slice(0, 2000);
      const verified = await verifyModel(onnx, asked, loaded.compiled, rows, loaded.score);
      expect(verified.rawDiffer ?? 0).toBe(0);
      expect(verified.scoreErrorMax).toBeLessThanOrEqual(most);
    });
  }

  it("sk_rf_double_thresholds: scores of float32 inputs under double thresholds", async () => {
    if (!present()) return;
    const name = "sk_rf_double_thresholds";
    const onnx = readModel(BESIDE, name);
    const rows = readRows(BESIDE, `${name}.inputs.f64`, 10);
    const loaded = loadBare(onnx);
    const verified = await verifyModel(onnx, undefined, loaded.compiled, rows, loaded.score);
    expect(verified.scoreErrorMax).toBeLessThanOrEqual(2e-6);
  });

  for (const [name, reason] of REFUSED) {
    it(`${name} is refused: ${reason}`, () => {
      if (!present()) return;
      expect(() => loadBare(readModel(BESIDE, name))).toThrow(reason);
    });
  }
});
