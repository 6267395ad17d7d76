import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LimenError } from "../../../control/errors.ts";
import { describeTable } from "../../../control/table/describe.ts";
import { encodeTable, modelDigest } from "../../../control/table/encode.ts";
import { tableDigest } from "../../../control/table/seal.ts";
import { FEATURES, linearModel, sampleModel, sampleTable } from "./samples.ts";

const BYTES = encodeTable(
  sampleTable({
    models: [
      sampleModel({
        candidateCuts: [
          [1, 2],
          [3, 4],
        ],
      }),
      linearModel(),
    ],
  }),
);

describe("describeTable", () => {
  const names = describeTable(BYTES);

  it("gives names, shares and flags of the table", () => {
    expect(names).toMatchObject({
      ...{ serial: 7, audit: 0.02, extra: 0.01, extraWidth: 64, candidate: 0, vector: 1 },
      ...{ trustMesh: false, token: true, record: true, segments: ["rest", "checkout"] },
      features: FEATURES.map((feature) => feature.name),
      digest: tableDigest(BYTES),
    });
  });

  it("gives digest, range, tags, modes and both cut sets of a model", () => {
    const model = sampleModel();
    expect(names.models[0]).toEqual({
      ...{ name: "bot", digest: modelDigest(model, FEATURES), kernel: "trees", output: "logistic" },
      ...{ lo: -3, hi: 3, tags: model.tags, modes: model.modes, cuts: model.cuts },
      candidateCuts: [
        [1, 2],
        [3, 4],
      ],
    });
  });

  it("leaves candidate cuts out when there are none", () => {
    expect(names.models[1]).not.toHaveProperty("candidateCuts");
  });

  it("reads a table that lies inside a larger buffer", () => {
    const larger = new Uint8Array(BYTES.length + 11);
    larger.set(BYTES, 11);
    expect(describeTable(larger.subarray(11))).toEqual(names);
  });

  it("refuses bytes that begin otherwise, and another layout", () => {
    expect(() => describeTable(new Uint8Array(64))).toThrow("do not begin like a table");
    const other = Uint8Array.from(BYTES);
    other[4] = 2;
    expect(() => describeTable(other)).toThrow("layout 2 is not 1");
  });

  it("throws nothing but an error of its own, however the bytes are cut or changed", () => {
    fc.assert(
      fc.property(fc.nat(BYTES.length), fc.nat(BYTES.length - 1), fc.nat(255), (cut, at, value) => {
        const broken = BYTES.slice(0, cut);
        if (at < cut) broken[at] = value;
        try {
          describeTable(broken);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(LimenError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
