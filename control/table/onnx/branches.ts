import { DEPTH_MAX } from "../../../models/limits.ts";
import { checkCap } from "../cap.ts";
import { readNumbers, refuseNode } from "./attributes.ts";
import type { Branch } from "./fold.ts";
import type { Node } from "./read.ts";

/** Columns of the node table of a tree ensemble, one entry a node. */
type Columns = {
  ids: number[];
  features: number[];
  modes: string[];
  values: number[];
  whenTrue: number[];
  whenFalse: number[];
  tracks: number[];
};

/** `class_*` or `target_*`: which leaf adds how much to which output. */
export type LeafWeights = {
  trees: number[];
  nodes: number[];
  outputs: number[];
  weights: number[];
};

export function readLeafWeights(node: Node, prefix: "class" | "target"): LeafWeights {
  const read = {
    trees: readNumbers(node, `${prefix}_treeids`),
    nodes: readNumbers(node, `${prefix}_nodeids`),
    outputs: readNumbers(node, `${prefix}_ids`),
    weights: readNumbers(node, `${prefix}_weights`),
  };
  const lengths = Object.values(read).map((list) => list.length);
  if (new Set(lengths).size > 1) throw refuseNode(node, `lists of ${prefix}_* differ in length`);
  return read;
}

function readColumns(node: Node, trees: number[]): Columns {
  const tracks = readNumbers(node, "nodes_missing_value_tracks_true");
  const columns = {
    ids: readNumbers(node, "nodes_nodeids"),
    features: readNumbers(node, "nodes_featureids"),
    modes: node.attributes.get("nodes_modes")?.texts ?? [],
    values: readNumbers(node, "nodes_values"),
    whenTrue: readNumbers(node, "nodes_truenodeids"),
    whenFalse: readNumbers(node, "nodes_falsenodeids"),
    tracks: tracks.length > 0 ? tracks : trees.map(() => 0),
  };
  if (trees.length === 0) throw refuseNode(node, "holds no trees");
  for (const [name, list] of Object.entries(columns)) {
    if (list.length !== trees.length) {
      throw refuseNode(node, `${list.length} entries of ${name} for ${trees.length} nodes`);
    }
  }
  return columns;
}

/** Weights of every leaf by `TREE:NODE`. */
function gatherLeaves(node: Node, list: LeafWeights, outputs: number): Map<string, number[]> {
  const leaves = new Map<string, number[]>();
  const given = new Set<string>();
  list.weights.forEach((weight, at) => {
    const key = `${list.trees[at]}:${list.nodes[at]}`;
    const output = list.outputs[at] ?? 0;
    if (!(output >= 0 && output < outputs))
      throw refuseNode(node, `a leaf adds to output ${output} of ${outputs}`);
    if (given.has(`${key}:${output}`)) throw refuseNode(node, `leaf ${key} has two weights`);
    given.add(`${key}:${output}`);
    const leaf = leaves.get(key) ?? new Array<number>(outputs).fill(0);
    leaf[output] = weight;
    leaves.set(key, leaf);
  });
  return leaves;
}

type Tree = { columns: Columns; rows: Map<number, number>; leafOf: (id: number) => number[] };

function buildBranch(node: Node, tree: Tree, id: number, seen: Set<number>, depth: number): Branch {
  checkCap("ONNX: depth of a tree", depth, DEPTH_MAX);
  const row = tree.rows.get(id);
  if (row === undefined) throw refuseNode(node, `a node leads to node ${id}, which is not there`);
  if (seen.has(id)) throw refuseNode(node, `node ${id} is reached twice`);
  seen.add(id);
  const { columns } = tree;
  const mode = columns.modes[row] ?? "";
  if (mode === "LEAF") return { leaf: tree.leafOf(id) };
  const child = (at: number | undefined): Branch =>
    buildBranch(node, tree, at ?? -1, seen, depth + 1);
  return {
    mode,
    feature: columns.features[row] ?? 0,
    value: columns.values[row] ?? Number.NaN,
    tracksTrue: columns.tracks[row] === 1,
    whenTrue: child(columns.whenTrue[row]),
    whenFalse: child(columns.whenFalse[row]),
  };
}

/**
 * The trees in the order of the sum: that of their first node in the file. The root of a tree is its
 * first node.
 */
export function readBranches(node: Node, list: LeafWeights, outputs: number): Branch[] {
  const treeIds = readNumbers(node, "nodes_treeids");
  const columns = readColumns(node, treeIds);
  const leaves = gatherLeaves(node, list, outputs);
  const none = new Array<number>(outputs).fill(0);
  const byTree = new Map<number, Map<number, number>>();
  treeIds.forEach((treeId, row) => {
    const rows = byTree.get(treeId) ?? new Map<number, number>();
    rows.set(columns.ids[row] ?? -1, row);
    byTree.set(treeId, rows);
  });
  return [...byTree].map(([treeId, rows]) => {
    const [first = 0] = rows.keys();
    const tree = { columns, rows, leafOf: (id: number) => leaves.get(`${treeId}:${id}`) ?? none };
    return buildBranch(node, tree, first, new Set(), 0);
  });
}
