// Tree ensembles: eight trees walk side by side without branches. A node is 8 bytes:
//
//   f32 threshold (leaf: its weight, or u32 leaf row)   u16 slot   u16 offset to the child pair
//
// next = node + (offset + !(x <= threshold)) * 8. A leaf has offset 0 and reads the slot that holds
// -Inf, so a finished tree stays where it is. Offsets only lead forward (validate.ts), so every walk
// ends. Sums run in tree order, as ONNX runtimes sum.

import * as layout from "../../models/table-layout";
import { modelSection, modelSectionLength } from "../table";
import { countSlots, INPUTS, RAW_SCORES, SUMS } from "./inputs";

const GROUP: i32 = 8;
/** Where unused cursors of the last group stand. */
const ZERO_LEAF: usize = memory.data(8);
/** Leaves the group ended in: u32 address each. */
const ENDS: usize = memory.data(4 * 8);

function stepNode(node: usize): usize {
  const x = load<f32>(INPUTS + ((load<u16>(node, 4) as usize) << 2));
  const right = (x <= load<f32>(node) ? 0 : 1) as usize;
  return node + (((load<u16>(node, 6) as usize) + right) << 3);
}

function rootNode(nodes: usize, roots: usize, index: i32, count: i32): usize {
  if (index >= count) return ZERO_LEAF;
  return nodes + (load<u32>(roots + (index << 2)) << 3);
}

/** Two steps of every cursor a check of all offsets. */
function walkGroup(nodes: usize, roots: usize, first: i32, count: i32): void {
  let a = rootNode(nodes, roots, first, count);
  let b = rootNode(nodes, roots, first + 1, count);
  let c = rootNode(nodes, roots, first + 2, count);
  let d = rootNode(nodes, roots, first + 3, count);
  let e = rootNode(nodes, roots, first + 4, count);
  let f = rootNode(nodes, roots, first + 5, count);
  let g = rootNode(nodes, roots, first + 6, count);
  let h = rootNode(nodes, roots, first + 7, count);
  let open: u32 = 1;
  while (open !== 0) {
    a = stepNode(stepNode(a));
    b = stepNode(stepNode(b));
    c = stepNode(stepNode(c));
    d = stepNode(stepNode(d));
    e = stepNode(stepNode(e));
    f = stepNode(stepNode(f));
    g = stepNode(stepNode(g));
    h = stepNode(stepNode(h));
    open = (load<u16>(a, 6) as u32) | load<u16>(b, 6) | load<u16>(c, 6) | load<u16>(d, 6);
    open |= (load<u16>(e, 6) as u32) | load<u16>(f, 6) | load<u16>(g, 6) | load<u16>(h, 6);
  }
  store<u32>(ENDS, a as u32);
  store<u32>(ENDS, b as u32, 4);
  store<u32>(ENDS, c as u32, 8);
  store<u32>(ENDS, d as u32, 12);
  store<u32>(ENDS, e as u32, 16);
  store<u32>(ENDS, f as u32, 20);
  store<u32>(ENDS, g as u32, 24);
  store<u32>(ENDS, h as u32, 28);
}

/** One class, f32. */
function sumSingle(nodes: usize, roots: usize, count: i32): f32 {
  let sum: f32 = 0;
  for (let first = 0; first < count; first += GROUP) {
    walkGroup(nodes, roots, first, count);
    for (let index = 0; index < GROUP; index++) sum += load<f32>(load<u32>(ENDS + (index << 2)));
  }
  return sum;
}

/** One class, f64. */
function sumDouble(nodes: usize, roots: usize, count: i32): f64 {
  let sum: f64 = 0;
  for (let first = 0; first < count; first += GROUP) {
    walkGroup(nodes, roots, first, count);
    for (let index = 0; index < GROUP; index++) {
      sum += load<f32>(load<u32>(ENDS + (index << 2))) as f64;
    }
  }
  return sum;
}

function addRow(row: usize, classes: i32, isDouble: bool): void {
  for (let index = 0; index < classes; index++) {
    const value = load<f32>(row + (index << 2));
    if (isDouble) {
      store<f64>(SUMS + (index << 3), load<f64>(SUMS + (index << 3)) + (value as f64));
    } else {
      store<f32>(RAW_SCORES + (index << 2), load<f32>(RAW_SCORES + (index << 2)) + value);
    }
  }
}

/** Several classes: a leaf names a row of values, one a class. */
function sumRows(nodes: usize, roots: usize, count: i32, rows: usize, head: usize): void {
  const classes: i32 = load<u16>(head + layout.MODEL_CLASSES);
  const isDouble = load<u8>(head + layout.MODEL_ACCUMULATOR) !== 0;
  memory.fill(SUMS, 0, classes << 3);
  memory.fill(RAW_SCORES, 0, classes << 2);
  for (let first = 0; first < count; first += GROUP) {
    walkGroup(nodes, roots, first, count);
    const walked = min(GROUP, count - first);
    for (let index = 0; index < walked; index++) {
      const row = load<u32>(load<u32>(ENDS + (index << 2)));
      addRow(rows + ((row * classes) << 2), classes, isDouble);
    }
  }
}

/** Divides (AVERAGE) and adds the base, last. */
function closeSums(head: usize, classes: i32): void {
  const divisor = load<f32>(head + layout.MODEL_DIVISOR);
  const isDouble = load<u8>(head + layout.MODEL_ACCUMULATOR) !== 0;
  for (let index = 0; index < classes; index++) {
    const base = load<f64>(head + layout.MODEL_BASE + (index << 3));
    const raw = RAW_SCORES + (index << 2);
    if (isDouble) {
      store<f32>(raw, (load<f64>(SUMS + (index << 3)) / (divisor as f64) + base) as f32);
    } else {
      store<f32>(raw, load<f32>(raw) / divisor + (base as f32));
    }
  }
}

/** Writes one raw score a class. */
export function scoreTrees(table: usize, model: i32, classes: i32): void {
  const head = modelSection(table, layout.KIND_MODEL, model);
  const nodes = modelSection(table, layout.KIND_NODES, model);
  const roots = modelSection(table, layout.KIND_TREES, model);
  const count = modelSectionLength(table, layout.KIND_TREES, model) >> 2;
  store<u16>(ZERO_LEAF, countSlots(table, model) as u16, layout.NODE_SLOT);
  if (classes > 1) {
    sumRows(nodes, roots, count, modelSection(table, layout.KIND_LEAF_ROWS, model), head);
  } else if (load<u8>(head + layout.MODEL_ACCUMULATOR) !== 0) {
    store<f64>(SUMS, sumDouble(nodes, roots, count));
  } else {
    store<f32>(RAW_SCORES, sumSingle(nodes, roots, count));
  }
  closeSums(head, classes);
}
