import { DEPTH_MAX, LEAF_ROWS_MAX, NODES_MAX, STEPS_MAX, TREES_MAX } from "../../models/limits.ts";
import { createWriter } from "./bytes.ts";
import { checkCap, refuse } from "./cap.ts";
import { createShared } from "./pool.ts";
import type { TreeNode } from "./table.ts";

/** Steps from the root to the deepest leaf; 0 for a tree of one leaf. */
export function measureDepth(root: TreeNode): number {
  let depth = -1;
  // Level by level, so that a deep chain does not use up the stack.
  for (let level: TreeNode[] = [root]; level.length > 0; depth++) {
    level = level.flatMap((node) => ("leaf" in node ? [] : [node.left, node.right]));
  }
  return depth;
}

export function countNodes(root: TreeNode): number {
  return orderNodes(root).nodes.length;
}

/**
 * Breadth first, so that the children of a node are neighbours and later than it; `children` holds
 * the position of the left child, 0 for a leaf. NODES_MAX keeps every distance inside a u16.
 */
function orderNodes(root: TreeNode): { nodes: TreeNode[]; children: number[] } {
  const nodes = [root];
  const children: number[] = [];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at];
    if (node === undefined || "leaf" in node) {
      children.push(0);
    } else {
      children.push(nodes.length);
      nodes.push(node.left, node.right);
    }
  }
  return { nodes, children };
}

function checkFinite(field: string, value: number): void {
  if (!Number.isFinite(Math.fround(value))) {
    throw refuse(field, `${value} is not a finite float32`);
  }
}

export type TreeSections = {
  trees: Uint8Array;
  nodes: Uint8Array;
  leafRows: Uint8Array;
  steps: number;
};

/**
 * KIND_TREES, KIND_NODES and KIND_LEAF_ROWS. A node is f32 threshold, u16 slot, u16 offset to its
 * left child; a leaf f32 weight (or u32 leaf row with several classes), u16 slot count, u16 0.
 */
export function writeTrees(
  field: string,
  trees: readonly TreeNode[],
  slots: number,
  classes: number,
): TreeSections {
  checkCap(`${field}: trees`, trees.length, TREES_MAX);
  const roots = createWriter();
  const packed = createWriter();
  const rows = createShared<readonly number[]>();
  let steps = 0;
  const writeLeaf = (leaf: readonly number[]): void => {
    if (leaf.length !== classes) {
      throw refuse(field, `a leaf holds ${leaf.length} values for ${classes} classes`);
    }
    for (const value of leaf) checkFinite(`${field}: leaf`, value);
    if (classes === 1) packed.f32(leaf[0] ?? 0);
    else packed.u32(rows.add(leaf.join(), () => leaf));
    packed.u16(slots);
    packed.u16(0);
  };
  const writeSplit = (node: Exclude<TreeNode, { leaf: unknown }>, offset: number): void => {
    checkFinite(`${field}: threshold`, node.threshold);
    if (!(node.slot >= 0 && node.slot < slots))
      throw refuse(field, `a node reads slot ${node.slot} of ${slots}`);
    packed.f32(node.threshold);
    packed.u16(node.slot);
    packed.u16(offset);
  };
  for (const root of trees) {
    const depth = measureDepth(root);
    checkCap(`${field}: depth of a tree`, depth, DEPTH_MAX);
    steps += depth;
    const { nodes, children } = orderNodes(root);
    checkCap(`${field}: nodes`, packed.length() / 8 + nodes.length, NODES_MAX);
    roots.u32(packed.length() / 8);
    nodes.forEach((node, at) => {
      if ("leaf" in node) writeLeaf(node.leaf);
      else writeSplit(node, (children[at] ?? 0) - at);
    });
  }
  checkCap(`${field}: worst-case steps`, steps, STEPS_MAX);
  checkCap(`${field}: leaf rows`, rows.items().length, LEAF_ROWS_MAX);
  const leafRows = createWriter();
  for (const row of rows.items()) for (const value of row) leafRows.f32(value);
  return { trees: roots.done(), nodes: packed.done(), leafRows: leafRows.done(), steps };
}
