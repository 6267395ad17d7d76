import { describe, expect, it } from "vitest";
import { LimenError } from "../../../../control/errors.ts";
import { compileModel } from "../../../../control/table/compile.ts";
import { makeModel, makeNode, type NodeInit, stumpAttributes, type TensorInit } from "./build.ts";

const compile = (onnx: Uint8Array, asked?: string) =>
  compileModel({ name: "m", class: asked, features: null, range: [0, 1], tags: [] }, onnx, null);

const classifier = (change = {}, weights: readonly [number, number] = [0.2, 0.7]): NodeInit =>
  makeNode("TreeEnsembleClassifier", stumpAttributes(weights, change));
const regressor = (change = {}): NodeInit =>
  makeNode("TreeEnsembleRegressor", stumpAttributes([1, 2], change, "target"));
const linear = (change = {}): NodeInit =>
  makeNode("LinearClassifier", {
    ...{ coefficients: [1, 2], intercepts: [0.5], classlabels_ints: [0, 1] },
    ...{ post_transform: "LOGISTIC", ...change },
  });
const tail = (op: string, attributes = {}, change: NodeInit = {}): NodeInit =>
  makeNode(op, attributes, { input: ["scores"], output: ["out"], name: "tail", ...change });
const constant = (name: string, values: number[]): TensorInit => ({
  ...{ name, dataType: 1, dims: [BigInt(values.length)], floatData: values },
});
const external = (location?: string): TensorInit => ({
  ...{ name: "w", dataType: 1, dims: [2n], dataLocation: 1 },
  externalData: location === undefined ? [] : [{ key: "location", value: location }],
});
const twoRows = { coefficients: [1, 2, 3, 4], intercepts: [0, 0] };
const mul = (values: number[]): Uint8Array =>
  makeModel([classifier(), tail("Mul", {}, { input: ["scores", "one"] })], {
    initializer: [constant("one", values)],
  });

const CASES: readonly [string, () => Uint8Array, string][] = [
  [
    "bytes that are not ONNX",
    () => new TextEncoder().encode("hello, world"),
    "not ONNX, or is cut short",
  ],
  ["an empty file", () => new Uint8Array(), "holds no graph"],
  [
    "a text operator",
    () => makeModel([makeNode("Tokenizer", {}, { domain: "com.microsoft", name: "tok" })]),
    'operator com.microsoft:Tokenizer (node "tok") is not compiled',
  ],
  [
    "a scaler in front",
    () => makeModel([makeNode("Scaler", {}, { name: "sc", output: ["S"] }), classifier()]),
    'operator ai.onnx.ml:Scaler (node "sc")',
  ],
  ["a graph without a model", () => makeModel([makeNode("Identity")]), "0 scoring operators"],
  [
    "two models",
    () => makeModel([classifier(), { ...regressor(), output: ["b"] }]),
    "2 scoring operators",
  ],
  [
    "a cast of scores to whole numbers",
    () => makeModel([classifier(), tail("Cast", { to: 7 })]),
    'operator Cast (node "tail") changes the score',
  ],
  ["a product by 2", () => mul([2]), 'operator Mul (node "tail") changes the score'],
  [
    "L1 over scores that are no softmax",
    () => makeModel([classifier(), tail("Normalizer", { norm: "L1" })]),
    "operator ai.onnx.ml:Normalizer",
  ],
  [
    "L2 over a softmax",
    () =>
      makeModel([
        linear({ ...twoRows, post_transform: "SOFTMAX" }),
        tail("Normalizer", { norm: "L2" }),
      ]),
    "operator ai.onnx.ml:Normalizer",
  ],
  [
    "an operator beside the model",
    () => makeModel([classifier(), tail("Identity", {}, { input: ["X"] })]),
    "stands beside the model",
  ],
  ["a whole-number input", () => makeModel([classifier()], { elementType: 7 }), "element type 7"],
  [
    "trees of opset ml 5",
    () => makeModel([classifier()], { opset: 5 }),
    "gone from opset ai.onnx.ml 5",
  ],
  [
    "weights at an absolute path",
    () => makeModel([classifier()], { initializer: [external("/etc/hostname")] }),
    'absolute path "/etc/hostname", which is never opened',
  ],
  [
    "weights above the folder",
    () => makeModel([classifier()], { initializer: [external("a/../../w.bin")] }),
    "outside the model's folder",
  ],
  [
    "weights in a file beside",
    () => makeModel([classifier()], { initializer: [external("w.bin")] }),
    "save the model with its weights inside one file",
  ],
  [
    "weights in a file without a name",
    () => makeModel([classifier()], { initializer: [external()] }),
    "names no file",
  ],
  [
    "a softmax over one score",
    () => makeModel([classifier({ post_transform: "SOFTMAX" })]),
    "SOFTMAX over one score is skipped",
  ],
  ["probit", () => makeModel([classifier({ post_transform: "PROBIT" })]), "post_transform PROBIT"],
  [
    "two base values for one score",
    () => makeModel([classifier({ base_values: [1, 2] })]),
    "2 base values for one score",
  ],
  [
    "mixed signs without a transform",
    () => makeModel([classifier({ post_transform: "NONE" }, [-1, 1])]),
    "mixed signs",
  ],
  ["two targets", () => makeModel([regressor({ n_targets: 2 })]), "2 targets"],
  [
    "a transform of one target",
    () => makeModel([regressor({ post_transform: "LOGISTIC" })]),
    "skipped by onnxruntime",
  ],
  [
    "the smallest leaf",
    () => makeModel([regressor({ aggregate_function: "MIN" })]),
    "aggregate_function MIN",
  ],
  [
    "a child that is not there",
    () => makeModel([classifier({ nodes_truenodeids: [7, 0, 0] })]),
    "leads to node 7, which is not there",
  ],
  [
    "a tree that turns back",
    () => makeModel([classifier({ nodes_truenodeids: [0, 0, 0] })]),
    "node 0 is reached twice",
  ],
  [
    "lists that differ in length",
    () => makeModel([classifier({ nodes_values: [1] })]),
    "1 entries of values for 3 nodes",
  ],
  [
    "a leaf of no output",
    () => makeModel([classifier({ class_ids: [0, 5] })]),
    "adds to output 5 of 2",
  ],
  [
    "a leaf weighted twice",
    () => makeModel([classifier({ class_nodeids: [1, 1] })]),
    "leaf 0:1 has two weights",
  ],
  [
    "a linear softmax over one row",
    () => makeModel([linear({ post_transform: "SOFTMAX" })]),
    "SOFTMAX over 1 row",
  ],
  [
    "coefficients that do not fit",
    () => makeModel([linear({ coefficients: [1, 2, 3] })]),
    "3 coefficients do not fit 2 inputs",
  ],
];

describe("compileModel", () => {
  for (const [name, build, message] of CASES) {
    it(`refuses ${name}`, () => {
      expect(() => compile(build())).toThrow(LimenError);
      expect(() => compile(build())).toThrow(message);
    });
  }

  it("asks for the class of a model with three, and lists them", () => {
    const three = makeModel([
      linear({
        coefficients: [1, 2, 3, 4, 5, 6],
        intercepts: [0, 0, 0],
        classlabels_ints: [3, 5, 8],
      }),
    ]);
    expect(() => compile(three)).toThrow("3 classes (3, 5, 8); choose one by --class");
    expect(() => compile(three, "4")).toThrow('has no class "4"; its classes are 3, 5, 8');
  });

  it("says that weights beside the model are missing when its folder is known", () => {
    const onnx = makeModel([classifier()], { initializer: [external("no-such-weights.bin")] });
    const source = {
      name: "m",
      class: undefined,
      features: null,
      range: "auto",
      tags: [],
    } as const;
    expect(() => compileModel({ ...source, folder: import.meta.dirname }, onnx, null)).toThrow(
      "which is missing beside the model",
    );
  });

  it("drops casts, identities, a product by 1 and ZipMap, and says so", () => {
    const onnx = makeModel(
      [
        classifier(),
        tail("Cast", { to: 7 }, { input: ["label"], output: ["label2"] }),
        tail("Mul", {}, { input: ["scores", "one"], output: ["a"] }),
        tail("Identity", {}, { input: ["a"], output: ["b"] }),
        tail("ZipMap", {}, { input: ["b"], output: ["c"] }),
      ],
      { initializer: [constant("one", [1])] },
    );
    const { report } = compile(onnx);
    expect(report.dropped).toEqual(["Cast", "Mul", "Identity", "ai.onnx.ml:ZipMap"]);
    expect(report.operators).toMatchObject({ "ai.onnx.ml:TreeEnsembleClassifier": 1, Cast: 1 });
  });

  it("asks for the range of a linear regressor without vectors", () => {
    const source = {
      name: "m",
      class: undefined,
      features: null,
      range: "auto",
      tags: [],
    } as const;
    const onnx = makeModel([
      makeNode("LinearRegressor", { coefficients: [1, 2], intercepts: [0.5], targets: 1 }),
    ]);
    expect(() => compileModel(source, onnx, null)).toThrow("--range LO,HI");
  });

  it("spans all but the outermost millionths of a linear probability without vectors", () => {
    const source = {
      name: "m",
      class: undefined,
      features: null,
      range: "auto",
      tags: [],
    } as const;
    const { report } = compileModel(source, makeModel([linear()]), null);
    expect(1 / (1 + Math.exp(-report.range.lo))).toBeCloseTo(1e-6, 9);
    expect(1 / (1 + Math.exp(-report.range.hi))).toBeCloseTo(1 - 1e-6, 9);
    expect(report.warnings.join()).toContain("--range LO,HI");
  });

  it("takes the extremes of the leaf sums as the range of trees without vectors", () => {
    const source = {
      name: "m",
      class: undefined,
      features: null,
      range: "auto",
      tags: [],
    } as const;
    const onnx = makeModel([classifier({ base_values: [1] }, [-2, 3])]);
    expect(compileModel(source, onnx, null).report.range).toEqual({
      lo: -1,
      hi: 4,
      from: "leaves",
    });
  });

  it("refuses features that are not as many as the inputs", () => {
    const features = [{ name: "a", of: "path", is: "length" }];
    const source = { name: "m", class: undefined, features, range: [0, 1], tags: [] } as const;
    expect(() => compileModel(source, makeModel([classifier()]), null)).toThrow(
      "1 are listed, the model takes 2",
    );
  });
});
