import { LimenError } from "../../errors.ts";
import { checkInput, type Graph, type Node, nameNode } from "./read.ts";

/** Operators that score; exactly one of them is a model. */
const SCORING = [
  "TreeEnsembleClassifier",
  "TreeEnsembleRegressor",
  "LinearClassifier",
  "LinearRegressor",
].map((name) => `ai.onnx.ml:${name}`);

/** Element types a Cast leaves the values alone with: float and double. */
const REAL_TYPES = [1, 11];

export type Core = {
  node: Node;
  classifier: boolean;
  /** The value that holds the scores, behind all that was dropped but a ZipMap. */
  scores: string;
  /** Operators left out because they do not change the score. */
  dropped: string[];
};

const refuse = (what: string): LimenError => new LimenError("refused", `ONNX: ${what}`);

/** All of a node's constant inputs are 1: a Mul by it changes nothing. */
function multipliesByOne(graph: Graph, node: Node): boolean {
  const factors = node.inputs.map((input) => graph.constants.get(input)).filter((each) => !!each);
  return factors.length === 1 && (factors[0]?.values ?? []).every((value) => value === 1);
}

function normalizesSoftmax(node: Node, core: Node, input: string): boolean {
  const norm = node.attributes.get("norm")?.text ?? "MAX";
  const transform = core.attributes.get("post_transform")?.text;
  return norm === "L1" && transform === "SOFTMAX" && input === core.outputs[1];
}

/** Whether a node behind the core leaves the scores as they are. `label`: it only sees labels. */
function isHarmless(graph: Graph, node: Node, core: Node, input: string, label: boolean): boolean {
  switch (node.operator) {
    case "Identity":
    case "ai.onnx.ml:ZipMap":
      return true;
    case "Cast":
      return label || REAL_TYPES.includes(node.attributes.get("to")?.number ?? 0);
    case "Mul":
      return multipliesByOne(graph, node);
    case "ai.onnx.ml:Normalizer":
      return normalizesSoftmax(node, core, input);
    default:
      return false;
  }
}

const HARMLESS = ["Identity", "Cast", "Mul", "ai.onnx.ml:ZipMap", "ai.onnx.ml:Normalizer"];

/** The first operator that is neither scoring nor a known tail, in the file's order. */
function checkOperators(graph: Graph): void {
  const strange = graph.nodes.find((node) => ![...SCORING, ...HARMLESS].includes(node.operator));
  if (!strange) return;
  throw refuse(
    `operator ${nameNode(strange)} is not compiled in this version; tree ensembles and linear models are`,
  );
}

/** Whether the core reads the graph's input, at most through a change of float type. */
function followHead(graph: Graph, core: Node, dropped: string[]): Set<Node> {
  const passed = new Set<Node>();
  let input = core.inputs[0] ?? "";
  while (input !== graph.input.name) {
    const node = graph.nodes.find((each) => each.outputs.includes(input));
    if (!node || passed.has(node)) throw refuse(`${nameNode(core)} does not read the input`);
    const real = REAL_TYPES.includes(node.attributes.get("to")?.number ?? 0);
    if (node.operator !== "Identity" && !(node.operator === "Cast" && real)) {
      throw refuse(`operator ${nameNode(node)} changes the input of ${nameNode(core)}`);
    }
    passed.add(node);
    dropped.push(node.operator);
    input = node.inputs[0] ?? "";
  }
  return passed;
}

/** A node behind the core: the value it reads there, and whether that is a label. */
function checkTail(graph: Graph, node: Node, core: Node, behind: Map<string, boolean>): string {
  const input = node.inputs.find((name) => behind.has(name));
  if (input === undefined) throw refuse(`operator ${nameNode(node)} stands beside the model`);
  const label = behind.get(input) === true;
  if (!isHarmless(graph, node, core, input, label)) {
    throw refuse(`operator ${nameNode(node)} changes the score, which is not compiled`);
  }
  for (const output of node.outputs) behind.set(output, label);
  return input;
}

/** Walks what is behind the core; gives the name of the last value with the scores. */
function followTails(graph: Graph, core: Node, tails: readonly Node[]): string {
  const classifier = core.operator.endsWith("Classifier");
  // Values behind the core, and whether they are labels.
  const behind = new Map(core.outputs.map((name, at) => [name, classifier && at === 0]));
  let scores = core.outputs[classifier ? 1 : 0] ?? "";
  for (const node of tails) {
    const input = checkTail(graph, node, core, behind);
    if (input === scores && node.operator !== "ai.onnx.ml:ZipMap") scores = node.outputs[0] ?? "";
  }
  return scores;
}

/** The one operator that scores, with everything around it proved to leave the score alone. */
export function findCore(graph: Graph): Core {
  checkOperators(graph);
  checkInput(graph);
  const scoring = graph.nodes.filter((node) => SCORING.includes(node.operator));
  const [core] = scoring;
  if (!core || scoring.length > 1) {
    const names = scoring.map(nameNode).join(", ");
    throw refuse(`${scoring.length} scoring operators (${names}); one model at a time is compiled`);
  }
  const dropped: string[] = [];
  const head = followHead(graph, core, dropped);
  const tails = graph.nodes.filter((node) => node !== core && !head.has(node));
  dropped.push(...tails.map((node) => node.operator));
  const scores = followTails(graph, core, tails);
  return { node: core, classifier: core.operator.endsWith("Classifier"), scores, dropped };
}
