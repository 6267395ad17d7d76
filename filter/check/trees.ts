// KIND_TREES, KIND_NODES and KIND_LEAF_ROWS: after these checks every walk ends inside its tree
// after at most as many steps as its depth.

import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import { modelSection, modelSectionLength } from "../table";
import { areFiniteF32, isFiniteF32, isWhole } from "./span";

/** u8 a node: 1 + its depth once a parent, or the list of roots, has named it; else 0. */
const DEPTHS: usize = memory.data(limit.NODES_MAX);

/** Worst-case steps of all trees of all models checked so far. */
let steps: i32 = 0;
let slots: i32 = 0;
let leafRows: u32 = 0;
let hasRows: bool = false;

export function startTrees(): void {
  steps = 0;
}

function checkLeaf(node: usize): i32 {
  if ((load<u16>(node + layout.NODE_SLOT) as i32) !== slots) return refusal.REFUSE_NODE_SLOT;
  if (!hasRows) return isFiniteF32(node) ? 0 : refusal.REFUSE_NUMBER;
  return load<u32>(node) < leafRows ? 0 : refusal.REFUSE_LEAF_ROW;
}

/** A split leads forward to a pair of nodes of its tree that have no parent yet. */
function checkSplit(node: usize, index: i32, end: i32, depth: i32): i32 {
  if ((load<u16>(node + layout.NODE_SLOT) as i32) >= slots) return refusal.REFUSE_NODE_SLOT;
  if (!isFiniteF32(node)) return refusal.REFUSE_NUMBER;
  const left = index + (load<u16>(node + layout.NODE_OFFSET) as i32);
  if (left + 1 >= end) return refusal.REFUSE_NODE;
  if (load<u16>(DEPTHS + left) !== 0) return refusal.REFUSE_NODE;
  if (depth > limit.DEPTH_MAX) return refusal.REFUSE_DEPTH;
  store<u8>(DEPTHS + left, (depth + 1) as u8);
  store<u8>(DEPTHS + left + 1, (depth + 1) as u8);
  return 0;
}

/** One tree, nodes `root` to before `end`; adds its depth to the steps. */
function checkTree(nodes: usize, root: i32, end: i32): i32 {
  let deepest = 1;
  store<u8>(DEPTHS + root, 1);
  for (let index = root; index < end; index++) {
    const node = nodes + (index << 3);
    const depth: i32 = load<u8>(DEPTHS + index);
    // Offsets lead forward, so a parent has been seen before its children.
    if (depth === 0) return refusal.REFUSE_NODE;
    const isLeaf = load<u16>(node + layout.NODE_OFFSET) === 0;
    const code = isLeaf ? checkLeaf(node) : checkSplit(node, index, end, depth);
    if (code !== 0) return code;
    deepest = max(deepest, depth);
  }
  steps += deepest - 1;
  return steps <= limit.STEPS_MAX ? 0 : refusal.REFUSE_STEPS;
}

function checkRoots(table: usize, model: i32, trees: i32, count: i32): i32 {
  const roots = modelSection(table, layout.KIND_TREES, model);
  const nodes = modelSection(table, layout.KIND_NODES, model);
  if (trees === 0) return count === 0 ? 0 : refusal.REFUSE_ROOT;
  if (load<u32>(roots) !== 0) return refusal.REFUSE_ROOT;
  for (let tree = 0; tree < trees; tree++) {
    const root = load<u32>(roots + (tree << 2));
    const end = tree + 1 < trees ? load<u32>(roots + ((tree + 1) << 2)) : (count as u32);
    if (root >= end || end > (count as u32)) return refusal.REFUSE_ROOT;
    const code = checkTree(nodes, root as i32, end as i32);
    if (code !== 0) return code;
  }
  return 0;
}

/** After checkSlots. */
export function checkTrees(table: usize, model: i32, classes: i32): i32 {
  const trees = modelSectionLength(table, layout.KIND_TREES, model);
  const nodes = modelSectionLength(table, layout.KIND_NODES, model);
  const rows = modelSectionLength(table, layout.KIND_LEAF_ROWS, model);
  if (
    !isWhole(trees, 4, limit.TREES_MAX) ||
    !isWhole(nodes, layout.NODE_SIZE, limit.NODES_MAX) ||
    !isWhole(rows, 4 * classes, limit.LEAF_ROWS_MAX) ||
    (classes === 1 && rows !== 0) ||
    modelSectionLength(table, layout.KIND_WEIGHTS, model) !== 0
  ) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  if (!areFiniteF32(modelSection(table, layout.KIND_LEAF_ROWS, model), rows)) {
    return refusal.REFUSE_NUMBER;
  }
  slots = modelSectionLength(table, layout.KIND_SLOTS, model) / layout.SLOT_SIZE;
  leafRows = (rows / (4 * classes)) as u32;
  hasRows = classes > 1;
  const count = nodes / layout.NODE_SIZE;
  memory.fill(DEPTHS, 0, count);
  return checkRoots(table, model, trees >> 2, count);
}
