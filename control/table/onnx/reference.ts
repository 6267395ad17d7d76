import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LimenError } from "../../errors.ts";
import { readNumbers } from "./attributes.ts";
import { readLeafWeights } from "./branches.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx_pb.ts";
import { ELEMENT_FLOAT, readGraph } from "./read.ts";
import { findCore } from "./tails.ts";
import { chooseOutput } from "./trees.ts";

const TYPE_FLOATS = 6;
const TYPE_INTS = 7;
const TYPE_INT = 2;

function floatOutput(name: string): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType: ELEMENT_FLOAT } } },
  });
}

/**
 * The model as a runtime for Node can run it: without ZipMap, whose output is no tensor. Gives the
 * bytes and the name of the output with the scores.
 */
export function cutReference(onnx: Uint8Array): { bytes: Uint8Array; output: string } {
  const output = findCore(readGraph(onnx)).scores;
  const model = fromBinary(ModelProtoSchema, onnx);
  if (!model.graph) throw new LimenError("input", "ONNX: the file holds no graph");
  model.graph.node = model.graph.node.filter((node) => node.opType !== "ZipMap");
  model.graph.output = [floatOutput(output)];
  return { bytes: toBinary(ModelProtoSchema, model), output };
}

const ints = (name: string, values: readonly number[]): AttributeProto =>
  create(AttributeProtoSchema, { name, type: TYPE_INTS, ints: values.map(BigInt) });
const floats = (name: string, values: readonly number[]): AttributeProto =>
  create(AttributeProtoSchema, { name, type: TYPE_FLOATS, floats: [...values] });

/**
 * The raw sum of a tree ensemble as a model of its own: the same trees in the same order as a
 * regressor with one target, base value last. Null for models that are no trees of floats.
 */
export function rebuildRaw(onnx: Uint8Array, asked?: string): Uint8Array | null {
  const graph = readGraph(onnx);
  const { node } = findCore(graph);
  if (!node.operator.includes("Tree") || graph.input.elementType !== ELEMENT_FLOAT) return null;
  const list = readLeafWeights(node, node.operator.endsWith("Regressor") ? "target" : "class");
  const choice = chooseOutput(node, list, asked);
  const kept = list.outputs.flatMap((output, at) => (output === choice.column ? [at] : []));
  const take = (values: readonly number[]): number[] => kept.map((at) => values[at] ?? 0);
  const base = choice.output === "softmax" ? choice.base[choice.column] : choice.base[0];
  const model = fromBinary(ModelProtoSchema, onnx);
  const own = model.graph?.node.find(
    (each) => each.name === node.name && each.output[0] === node.outputs[0],
  );
  if (!model.graph || !own) return null;
  const shared = own.attribute.filter((attribute) => attribute.name.startsWith("nodes_"));
  const average = own.attribute.filter((attribute) => attribute.name === "aggregate_function");
  const weights = take(list.weights).map((weight) => weight * choice.sign);
  model.graph.node = [
    create(NodeProtoSchema, {
      opType: "TreeEnsembleRegressor",
      domain: "ai.onnx.ml",
      name: "raw",
      input: [graph.input.name],
      output: ["raw"],
      attribute: [
        ...shared,
        ...average,
        create(AttributeProtoSchema, { name: "n_targets", type: TYPE_INT, i: 1n }),
        ...(readNumbers(node, "base_values").length > 0 || base !== 0
          ? [floats("base_values", [base ?? 0])]
          : []),
        ints(
          "target_ids",
          weights.map(() => 0),
        ),
        ints("target_treeids", take(list.trees)),
        ints("target_nodeids", take(list.nodes)),
        floats("target_weights", weights),
      ],
    }),
  ];
  model.graph.initializer = [];
  model.graph.output = [floatOutput("raw")];
  return toBinary(ModelProtoSchema, model);
}
