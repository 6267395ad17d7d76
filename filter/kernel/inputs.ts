// What both kernels read and write: model inputs, and one raw score a class.

import { CLASSES_MAX, SLOTS_MAX } from "../../models/limits";
import * as layout from "../../models/table-layout";
import { vectorStart } from "../features";
import { modelSection, modelSectionLength } from "../table";

const F32_MAX: f32 = 3.4028234663852886e38;

/** f32 a slot, and one more that holds -Inf for the leaves of trees. */
export const INPUTS: usize = memory.data(4 * (SLOTS_MAX + 1));
/** f64 a class while trees are summed with the f64 flag. */
export const SUMS: usize = memory.data(8 * CLASSES_MAX);
/** f32 a class. */
export const RAW_SCORES: usize = memory.data(4 * CLASSES_MAX);

export function countSlots(table: usize, model: i32): i32 {
  return modelSectionLength(table, layout.KIND_SLOTS, model) / layout.SLOT_SIZE;
}

/** Missing goes to one side by an infinite input; a real infinity is the largest number. */
function foldInput(value: f32, missing: i32): f32 {
  if (F32.isNaN(value)) return missing === layout.NAN_LOW ? (-Infinity as f32) : (Infinity as f32);
  return min(max(value, -F32_MAX), F32_MAX);
}

/** Copies the features of a model into its slots. */
export function fillInputs(table: usize, model: i32): void {
  const count = countSlots(table, model);
  let slot = modelSection(table, layout.KIND_SLOTS, model);
  const vector = vectorStart();
  for (let index = 0; index < count; index++) {
    const feature: i32 = load<u16>(slot + layout.SLOT_FEATURE);
    const missing: i32 = load<u16>(slot + layout.SLOT_NAN);
    const value = load<f32>(vector + (feature << 2));
    store<f32>(
      INPUTS + (index << 2),
      missing === layout.NAN_KEEP ? value : foldInput(value, missing),
    );
    slot += layout.SLOT_SIZE;
  }
  store<f32>(INPUTS + (count << 2), -Infinity as f32);
}
