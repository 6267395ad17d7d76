import { MODE_OFF, MODE_SHADOW, MODE_TAG } from "../../models/decision.ts";
import {
  BINS,
  CLASSES_MAX,
  CUT_NONE,
  NAME_BYTES_MAX,
  SLOTS_MAX,
  TAGS_MAX,
} from "../../models/limits.ts";
import {
  KERNEL_LINEAR,
  KERNEL_TREES,
  NAN_HIGH,
  NAN_KEEP,
  NAN_LOW,
  OUTPUT_IDENTITY,
  OUTPUT_LOGISTIC,
  OUTPUT_SOFTMAX,
} from "../../models/table-layout.ts";
import { createWriter } from "./bytes.ts";
import { checkCap, checkWhole, refuse } from "./cap.ts";
import { type BytePool, toBytes } from "./pool.ts";
import { writeSpan } from "./sources.ts";
import type { Kernel, Model, ModelScore, Tag } from "./table.ts";
import { type TreeSections, writeTrees } from "./trees.ts";

const OUTPUTS = { identity: OUTPUT_IDENTITY, logistic: OUTPUT_LOGISTIC, softmax: OUTPUT_SOFTMAX };
const NANS = { keep: NAN_KEEP, low: NAN_LOW, high: NAN_HIGH };
const MODES = { off: MODE_OFF, shadow: MODE_SHADOW, tag: MODE_TAG };

export type ModelSections = TreeSections & {
  model: Uint8Array;
  slots: Uint8Array;
  weights: Uint8Array;
  tags: Uint8Array;
  modes: Uint8Array;
  cuts: Uint8Array;
  candidateCuts: Uint8Array;
};

/** Refuses a score whose parts do not fit each other or the features. */
export function checkScore(field: string, score: ModelScore, features: number): void {
  const classes = score.base.length;
  checkWhole(`${field}: classes`, classes, 1, CLASSES_MAX);
  checkWhole(`${field}: class`, score.class, 0, classes - 1);
  if (score.output !== "softmax" && classes !== 1) {
    throw refuse(field, `${classes} raw scores without softmax; only one can be scored`);
  }
  if (!(Number.isFinite(score.lo) && Number.isFinite(score.hi) && score.lo < score.hi)) {
    throw refuse(`${field}: score range`, `${score.lo} to ${score.hi} is no range`);
  }
  if (!score.base.every(Number.isFinite)) throw refuse(`${field}: base`, "is not finite");
  checkCap(`${field}: slots`, score.slots.length, SLOTS_MAX);
  const trees = score.kernel.kind === "trees";
  for (const slot of score.slots) {
    if (!(slot.feature >= 0 && slot.feature < features)) {
      throw refuse(field, `a slot reads feature ${slot.feature} of ${features}`);
    }
    if ((slot.nan === "keep") === trees) {
      throw refuse(
        field,
        `a slot with "${slot.nan}" for NaN does not fit a ${score.kernel.kind} kernel`,
      );
    }
  }
}

/** KIND_MODEL: digest, lo, k, name, kernel, output, accumulator, binned, classes, class, base. */
function writeHead(model: Model, digest: Uint8Array, pool: BytePool): Uint8Array {
  const writer = createWriter();
  const { kernel } = model;
  const trees = kernel.kind === "trees";
  writer.bytes(digest);
  writer.f64(model.lo);
  writer.f64(BINS / (model.hi - model.lo));
  writeSpan(writer, pool.add(model.name));
  writer.u8(trees ? KERNEL_TREES : KERNEL_LINEAR);
  writer.u8(OUTPUTS[model.output]);
  writer.u8(trees && kernel.accumulator === "f64" ? 1 : 0);
  writer.u8(model.output === "softmax" ? 1 : 0);
  writer.u16(model.base.length);
  writer.u16(model.class);
  writer.f32(trees ? kernel.divisor : 1);
  writer.u32(0);
  // A linear kernel takes its intercepts from KIND_WEIGHTS.
  for (const base of model.base) writer.f64(trees ? base : 0);
  return writer.done();
}

function writeLinear(field: string, model: Model): Uint8Array {
  const writer = createWriter();
  if (model.kernel.kind !== "linear") return writer.done();
  const { weights } = model.kernel;
  if (weights.length !== model.base.length) {
    throw refuse(field, `${weights.length} rows of weights for ${model.base.length} classes`);
  }
  for (const row of weights) {
    if (row.length !== model.slots.length) {
      throw refuse(field, `${row.length} weights for ${model.slots.length} slots`);
    }
    for (const value of row) writer.f32(value);
  }
  for (const value of model.base) writer.f32(value);
  const floats = new Float32Array(writer.done().buffer);
  if (!floats.every(Number.isFinite))
    throw refuse(`${field}: weights`, "not all are finite float32");
  return writer.done();
}

const NO_TREES: TreeSections = {
  trees: new Uint8Array(),
  nodes: new Uint8Array(),
  leafRows: new Uint8Array(),
  steps: 0,
};

function writeKernel(field: string, kernel: Kernel, model: Model): TreeSections {
  if (kernel.kind === "linear") return NO_TREES;
  if (!(Number.isFinite(kernel.divisor) && kernel.divisor > 0)) {
    throw refuse(`${field}: divisor`, `${kernel.divisor} is not above 0`);
  }
  return writeTrees(field, kernel.trees, model.slots.length, model.base.length);
}

function checkTag(field: string, tag: Tag): void {
  checkCap(`${field}: bytes of the header`, toBytes(tag.header).length, NAME_BYTES_MAX);
  checkCap(`${field}: bytes of the value`, toBytes(tag.value).length, NAME_BYTES_MAX);
  if (!/^x-limen-[a-z0-9-]+$/.test(tag.header) || tag.header === "x-limen-decision") {
    throw refuse(field, `header "${tag.header}" is not x-limen- and a name of a-z, 0-9 and -`);
  }
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(tag.value)) {
    throw refuse(field, `value ${JSON.stringify(tag.value)} is not printable ASCII`);
  }
}

function writeTags(field: string, tags: readonly Tag[], pool: BytePool): Uint8Array {
  checkCap(`${field}: tags`, tags.length, TAGS_MAX);
  const writer = createWriter();
  for (const tag of tags) {
    checkTag(`${field}, tag "${tag.value}"`, tag);
    writeSpan(writer, pool.add(tag.header));
    writeSpan(writer, pool.add(tag.value));
  }
  return writer.done();
}

/** u16 a tag, segment by segment; ascending within a segment. */
function writeCuts(
  field: string,
  cuts: readonly (readonly number[])[],
  tags: number,
  segments: number,
): Uint8Array {
  if (cuts.length !== segments) {
    throw refuse(field, `${cuts.length} rows for ${segments} segments`);
  }
  const writer = createWriter();
  for (const row of cuts) {
    if (row.length !== tags) throw refuse(field, `${row.length} cuts for ${tags} tags`);
    row.forEach((cut, at) => {
      checkWhole(field, cut, 0, CUT_NONE);
      if (at > 0 && cut < (row[at - 1] ?? 0)) {
        throw refuse(
          field,
          `${cut} after ${row[at - 1]}: a later tag needs a cut at least as high`,
        );
      }
      writer.u16(cut);
    });
  }
  return writer.done();
}

function writeModes(field: string, model: Model, segments: number): Uint8Array {
  if (model.modes.length !== segments) {
    throw refuse(field, `${model.modes.length} modes for ${segments} segments`);
  }
  return Uint8Array.from(model.modes, (mode) => MODES[mode]);
}

/** All sections of one model. */
export function writeModel(
  model: Model,
  digest: Uint8Array,
  features: number,
  segments: number,
  pool: BytePool,
): ModelSections {
  const field = `model "${model.name}"`;
  checkWhole(`${field}: bytes of the name`, toBytes(model.name).length, 1, NAME_BYTES_MAX);
  checkScore(field, model, features);
  const slots = createWriter();
  for (const slot of model.slots) {
    slots.u16(slot.feature);
    slots.u16(NANS[slot.nan]);
  }
  const candidate = model.candidateCuts;
  const tags = model.tags.length;
  return {
    ...writeKernel(field, model.kernel, model),
    model: writeHead(model, digest, pool),
    slots: slots.done(),
    weights: writeLinear(field, model),
    tags: writeTags(field, model.tags, pool),
    modes: writeModes(`${field}: modes`, model, segments),
    cuts: writeCuts(`${field}: cuts`, model.cuts, tags, segments),
    candidateCuts: candidate
      ? writeCuts(`${field}: candidate cuts`, candidate, tags, segments)
      : new Uint8Array(),
  };
}
