import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LimenError } from "../../../../control/errors.ts";
import { createScorer } from "../../../../control/scorer.ts";
import { compileModel, encodeCompiled } from "../../../../control/table/compile.ts";

const FOLDER = join(import.meta.dirname, "../../../fixtures/onnx");
const FILES = ["modes-1", "lightgbm-binary", "xgboost-three", "sklearn-logistic"];

const scorer = createScorer();

/** Compiles; an error of ours is an answer, anything else is thrown on. */
function compileBroken(name: string, onnx: Uint8Array): void {
  const asked = name.endsWith("three") ? "1" : undefined;
  const source = { name: "m", class: asked, features: null, range: [0, 1], tags: [] } as const;
  try {
    const compiled = compileModel(source, onnx, null);
    expect(scorer.load(encodeCompiled("m", compiled, []))).toBe(0);
  } catch (thrown) {
    if (!(thrown instanceof LimenError)) throw thrown;
  }
}

describe("compileModel on broken files", () => {
  for (const name of FILES) {
    const whole = readFileSync(join(FOLDER, `${name}.onnx`));
    const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    const cut = fc.oneof({ weight: 4, arbitrary: fc.constant(whole.length) }, fc.nat(whole.length));

    it(`${name}: refuses in words, or makes a table the filter takes, whatever bytes change`, () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 4 }), cut, (changes, length) => {
          const broken = Uint8Array.from(whole);
          for (const { at, value } of changes) broken[at] = value;
          compileBroken(name, broken.subarray(0, length));
        }),
        { numRuns: 300 },
      );
    });
  }
});
