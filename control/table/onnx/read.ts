import { existsSync } from "node:fs";
import { isAbsolute, join, normalize } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { LimenError } from "../../errors.ts";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
} from "./onnx_pb.ts";
import { readTensor, type Tensor } from "./tensor.ts";

/** ONNX element types that are told apart here. */
export const ELEMENT_FLOAT = 1;
export const ELEMENT_DOUBLE = 11;

export type Attribute = {
  number?: number;
  text?: string;
  numbers?: number[];
  texts?: string[];
  tensor?: Tensor;
};

export type Node = {
  /** With its domain when that is not ONNX's own: `Cast`, `ai.onnx.ml:ZipMap`. */
  operator: string;
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: ReadonlyMap<string, Attribute>;
};

export type Graph = {
  /** The first input; `names` are all of them. */
  input: { name: string; names: readonly string[]; elementType: number; features: number | null };
  outputs: readonly string[];
  nodes: readonly Node[];
  constants: ReadonlyMap<string, Tensor>;
  opsets: Readonly<Record<string, number>>;
  irVersion: number;
  producer: string;
};

const DECODER = new TextDecoder();

const refuse = (what: string): LimenError => new LimenError("refused", `ONNX: ${what}`);

/** What a person reads: the operator and, when it has one, the node's name. */
export function nameNode(node: Node): string {
  return node.name ? `${node.operator} (node "${node.name}")` : node.operator;
}

function readAttribute(proto: AttributeProto, where: string): Attribute {
  if (proto.g || proto.graphs.length > 0) {
    throw refuse(`${where} holds a graph of its own (${proto.name}), which is not compiled`);
  }
  const attribute: Attribute = {};
  if (proto.type === 1) attribute.number = proto.f;
  if (proto.type === 2) attribute.number = Number(proto.i);
  if (proto.s.length > 0) attribute.text = DECODER.decode(proto.s);
  if (proto.floats.length > 0) attribute.numbers = proto.floats;
  if (proto.ints.length > 0) attribute.numbers = proto.ints.map(Number);
  if (proto.strings.length > 0) attribute.texts = proto.strings.map((text) => DECODER.decode(text));
  if (proto.t) attribute.tensor = readTensor(proto.t, `${where}, ${proto.name}`);
  return attribute;
}

function readNode(proto: NodeProto): Node {
  const main = proto.domain === "" || proto.domain === "ai.onnx";
  const operator = main ? proto.opType : `${proto.domain}:${proto.opType}`;
  const where = `${operator} ${proto.name}`.trim();
  return {
    operator,
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map(proto.attribute.map((item) => [item.name, readAttribute(item, where)])),
  };
}

/** Why weights outside the model file are refused; the file is never opened. */
function externalReason(location: string | undefined, folder: string | undefined): string {
  if (!location) return "names no file for its weights";
  if (isAbsolute(location) || /^[A-Za-z]:|^\\/.test(location)) {
    return `keeps its weights at the absolute path "${location}", which is never opened`;
  }
  if (normalize(location).split(/[\\/]/).includes("..")) {
    return `keeps its weights at "${location}", outside the model's folder, which is never opened`;
  }
  if (folder !== undefined && !existsSync(join(folder, location))) {
    return `keeps its weights in "${location}", which is missing beside the model`;
  }
  return `keeps its weights in "${location}"; save the model with its weights inside one file`;
}

function checkExternal(graph: GraphProto, folder: string | undefined): void {
  const nodeTensors = graph.node.flatMap((node) =>
    node.attribute.flatMap((attribute) => [
      ...(attribute.t ? [attribute.t] : []),
      ...attribute.tensors,
    ]),
  );
  for (const tensor of [...graph.initializer, ...nodeTensors]) {
    if (tensor.externalData.length === 0 && tensor.dataLocation !== 1) continue;
    const location = tensor.externalData.find((entry) => entry.key === "location")?.value;
    throw refuse(`tensor "${tensor.name}" ${externalReason(location, folder)}`);
  }
  if (graph.sparseInitializer.length > 0) throw refuse("sparse initializers are not compiled");
}

/** Constants by name: initializers, and the values of Constant nodes. */
function readConstants(graph: GraphProto, nodes: readonly Node[]): Map<string, Tensor> {
  const constants = new Map(
    graph.initializer.map((tensor) => [
      tensor.name,
      readTensor(tensor, `initializer ${tensor.name}`),
    ]),
  );
  for (const node of nodes.filter((each) => each.operator === "Constant")) {
    const value = node.attributes.get("value")?.tensor;
    const number = node.attributes.get("value_float")?.number;
    const tensor = value ?? (number === undefined ? undefined : { dims: [], values: [number] });
    if (tensor) constants.set(node.outputs[0] ?? "", tensor);
  }
  return constants;
}

function readInput(graph: GraphProto, constants: ReadonlyMap<string, Tensor>): Graph["input"] {
  // Files of ir below 4 list initializers among the inputs.
  const inputs = graph.input.filter((input) => !constants.has(input.name));
  const type = inputs[0]?.type?.value;
  const names = inputs.map((input) => input.name);
  const [name = ""] = names;
  if (type?.case !== "tensorType") return { name, names, elementType: 0, features: null };
  const { elemType, shape } = type.value;
  const last = shape?.dim.at(-1)?.value;
  const features = last?.case === "dimValue" && last.value > 0n ? Number(last.value) : null;
  return { name, names, elementType: elemType, features };
}

/** One matrix of floats; asked after the operators, which say more of what a file is. */
export function checkInput(graph: Graph): void {
  const { name, names, elementType } = graph.input;
  if (names.length !== 1) {
    const list = names.join(", ");
    throw refuse(`${names.length} inputs (${list}); export with one float matrix as the input`);
  }
  if (elementType !== ELEMENT_FLOAT && elementType !== ELEMENT_DOUBLE) {
    throw refuse(`input "${name}" has element type ${elementType}; only float and double are read`);
  }
}

function decode(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (thrown) {
    throw new LimenError("input", "ONNX: the file is not ONNX, or is cut short", thrown);
  }
}

/**
 * An ONNX file as a graph. `folder` is where the file lies, for messages about weights beside it;
 * nothing there is ever opened.
 */
export function readGraph(bytes: Uint8Array, folder?: string): Graph {
  const model = decode(bytes);
  const { graph } = model;
  if (!graph || graph.node.length === 0) {
    throw new LimenError("input", "ONNX: the file holds no graph; is it an ONNX model?");
  }
  if (model.functions.length > 0) throw refuse("functions of its own are not compiled");
  checkExternal(graph, folder);
  const nodes = graph.node.map(readNode);
  const constants = readConstants(graph, nodes);
  return {
    input: readInput(graph, constants),
    outputs: graph.output.map((output) => output.name),
    nodes: nodes.filter((node) => node.operator !== "Constant"),
    constants,
    opsets: Object.fromEntries(
      model.opsetImport.map((opset) => [opset.domain || "ai.onnx", Number(opset.version)]),
    ),
    irVersion: Number(model.irVersion),
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
  };
}
