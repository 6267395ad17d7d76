import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from "../../../../control/table/onnx/onnx_pb.ts";

export type Attribute = MessageInitShape<typeof AttributeProtoSchema>;
export type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;

const ENCODER = new TextEncoder();

/** An attribute by the JavaScript type of its value; whole numbers are ints unless named floats. */
export function attribute(
  name: string,
  value: number | string | readonly (number | string)[],
): Attribute {
  if (typeof value === "number") return { name, type: 2, i: BigInt(value) };
  if (typeof value === "string") return { name, type: 3, s: ENCODER.encode(value) };
  if (value.some((item) => typeof item === "string")) {
    return { name, type: 8, strings: value.map((item) => ENCODER.encode(String(item))) };
  }
  const numbers = value.map(Number);
  const real = /values|weights|coefficients|intercepts/.test(name);
  return real
    ? { name, type: 6, floats: numbers }
    : { name, type: 7, ints: numbers.map((item) => BigInt(item)) };
}

export function makeNode(
  op: string,
  attributes: Readonly<Record<string, number | string | readonly (number | string)[]>> = {},
  change: NodeInit = {},
): NodeInit {
  return {
    opType: op,
    domain: /Ensemble|Linear|ZipMap|Normalizer|Scaler/.test(op) ? "ai.onnx.ml" : "",
    name: "n",
    input: ["X"],
    output: /Classifier/.test(op) ? ["label", "scores"] : ["scores"],
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ...change,
  };
}

type ModelOptions = {
  width?: number;
  elementType?: number;
  initializer?: TensorInit[];
  opset?: number;
  output?: string;
};

export function makeModel(nodes: readonly NodeInit[], options: ModelOptions = {}): Uint8Array {
  const { width = 2, elementType = 1, initializer = [], opset = 3, output = "scores" } = options;
  const tensor = (elemType: number, last: bigint | null) => ({
    value: {
      case: "tensorType" as const,
      value: {
        elemType,
        shape: {
          dim: [
            { value: { case: "dimParam" as const, value: "N" } },
            ...(last === null ? [] : [{ value: { case: "dimValue" as const, value: last } }]),
          ],
        },
      },
    },
  });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: "test",
      opsetImport: [
        { domain: "", version: 18n },
        { domain: "ai.onnx.ml", version: BigInt(opset) },
      ],
      graph: {
        name: "g",
        node: [...nodes],
        initializer,
        input: [{ name: "X", type: tensor(elementType, BigInt(width)) }],
        output: [{ name: output, type: tensor(1, null) }],
      },
    }),
  );
}

/** Attributes of one tree: feature 0 `mode` 1, true leaf `high`, false leaf `low`. */
export function stumpAttributes(
  weights: readonly [number, number],
  change: Readonly<Record<string, number | string | readonly (number | string)[]>> = {},
  prefix: "class" | "target" = "class",
) {
  return {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [0, 0, 0],
    nodes_modes: ["BRANCH_LEQ", "LEAF", "LEAF"],
    nodes_values: [1, 0, 0],
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
    [`${prefix}_treeids`]: [0, 0],
    [`${prefix}_nodeids`]: [1, 2],
    [`${prefix}_ids`]: [0, 0],
    [`${prefix}_weights`]: weights,
    ...(prefix === "class"
      ? { classlabels_int64s: [0, 1], post_transform: "LOGISTIC" }
      : { n_targets: 1 }),
    ...change,
  };
}
