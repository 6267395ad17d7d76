// Linear models: for each class the f32 sum of weight x input in slot order, then the intercept.

import { KIND_WEIGHTS } from "../../models/table-layout";
import { modelSection } from "../table";
import { countSlots, INPUTS, RAW_SCORES } from "./inputs";

/** Writes one raw score a class. Weights: f32 x slots for each class, then an intercept each. */
export function scoreLinear(table: usize, model: i32, classes: i32): void {
  const slots = countSlots(table, model);
  const weights = modelSection(table, KIND_WEIGHTS, model);
  const intercepts = weights + ((classes * slots) << 2);
  for (let row = 0; row < classes; row++) {
    const start = weights + ((row * slots) << 2);
    let sum: f32 = 0;
    for (let slot = 0; slot < slots; slot++) {
      sum += load<f32>(start + (slot << 2)) * load<f32>(INPUTS + (slot << 2));
    }
    store<f32>(RAW_SCORES + (row << 2), sum + load<f32>(intercepts + (row << 2)));
  }
}
