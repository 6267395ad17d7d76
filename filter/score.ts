// From a vector to raw score, score and bin of one model.

import { BINS } from "../models/limits";
import * as layout from "../models/table-layout";
import { fillInputs, RAW_SCORES } from "./kernel/inputs";
import { scoreLinear } from "./kernel/linear";
import { scoreTrees } from "./kernel/trees";
import { modelSection } from "./table";

export let rawScore: f32 = 0;
/** The model's own output value. */
export let modelScore: f32 = 0;

/** As ONNX runtimes compute it: on |v|, mirrored, each step rounded to f32. */
export function logistic(value: f32): f32 {
  const power = Math.exp(-(abs<f32>(value) as f64)) as f32;
  const positive: f32 = 1 / (1 + power);
  return value < 0 ? 1 - positive : positive;
}

/** Probability of one class: e^(raw - max) over their sum, in f32. */
function softmax(classes: i32, chosen: i32): f32 {
  let highest = load<f32>(RAW_SCORES);
  for (let index = 1; index < classes; index++) {
    highest = max(highest, load<f32>(RAW_SCORES + (index << 2)));
  }
  let sum: f32 = 0;
  let own: f32 = 0;
  for (let index = 0; index < classes; index++) {
    const power = Math.exp((load<f32>(RAW_SCORES + (index << 2)) - highest) as f64) as f32;
    sum += power;
    if (index === chosen) own = power;
  }
  return own / sum;
}

/** Scores the vector; false when the score is not a number. */
export function scoreModel(table: usize, model: i32): bool {
  const head = modelSection(table, layout.KIND_MODEL, model);
  const classes: i32 = load<u16>(head + layout.MODEL_CLASSES);
  const chosen: i32 = load<u16>(head + layout.MODEL_CLASS);
  fillInputs(table, model);
  if (load<u8>(head + layout.MODEL_KERNEL) === layout.KERNEL_TREES) {
    scoreTrees(table, model, classes);
  } else {
    scoreLinear(table, model, classes);
  }
  rawScore = load<f32>(RAW_SCORES + (chosen << 2));
  const output: i32 = load<u8>(head + layout.MODEL_OUTPUT);
  if (output === layout.OUTPUT_LOGISTIC) modelScore = logistic(rawScore);
  else if (output === layout.OUTPUT_SOFTMAX) modelScore = softmax(classes, chosen);
  else modelScore = rawScore;
  return !F32.isNaN(rawScore) && !F32.isNaN(modelScore);
}

/** bin = clamp(floor((binned - lo) * k), 0, 4095) in f64, of the model scored last. */
export function binOfScore(table: usize, model: i32): i32 {
  const head = modelSection(table, layout.KIND_MODEL, model);
  const binned = load<u8>(head + layout.MODEL_BINNED) !== 0 ? modelScore : rawScore;
  const lo = load<f64>(head + layout.MODEL_LO);
  const k = load<f64>(head + layout.MODEL_K);
  const position = Math.floor(((binned as f64) - lo) * k);
  return min(max(position, 0), (BINS - 1) as f64) as i32;
}
