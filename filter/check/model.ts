// The sections of each model but its trees.

import { MODE_TAG } from "../../models/decision";
import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import {
  countFeatures,
  countModels,
  countTags,
  modelSection,
  modelSectionLength,
  spanLength,
  spanStart,
} from "../table";
import { countSegments } from "./segments";
import { areFiniteF32, isFiniteF32, isFiniteF64, isSpan, isWhole } from "./span";
import { checkTrees, startTrees } from "./trees";

// "x-limen-decision": the token
const TOKEN_NAME: usize = memory.data<u8>([
  0x78, 0x2d, 0x6c, 0x69, 0x6d, 0x65, 0x6e, 0x2d, 0x64, 0x65, 0x63, 0x69, 0x73, 0x69, 0x6f, 0x6e,
]);
const PREFIX_LENGTH: i32 = 8;
const TOKEN_NAME_LENGTH: i32 = 16;

function checkHead(table: usize, model: i32): i32 {
  const head = modelSection(table, layout.KIND_MODEL, model);
  const length = modelSectionLength(table, layout.KIND_MODEL, model);
  if (length < layout.MODEL_SIZE) return refusal.REFUSE_SECTION_LENGTH;
  const classes: i32 = load<u16>(head + layout.MODEL_CLASSES);
  const kernel: i32 = load<u8>(head + layout.MODEL_KERNEL);
  const output: i32 = load<u8>(head + layout.MODEL_OUTPUT);
  if (load<u32>(head + layout.MODEL_RESERVED) !== 0) return refusal.REFUSE_RESERVED;
  const sound =
    classes >= 1 &&
    classes <= limit.CLASSES_MAX &&
    (load<u16>(head + layout.MODEL_CLASS) as i32) < classes &&
    (classes === 1 || output === layout.OUTPUT_SOFTMAX) &&
    (kernel === layout.KERNEL_LINEAR || kernel === layout.KERNEL_TREES) &&
    output <= layout.OUTPUT_SOFTMAX &&
    load<u8>(head + layout.MODEL_ACCUMULATOR) <= 1 &&
    load<u8>(head + layout.MODEL_BINNED) <= 1;
  if (!sound) return refusal.REFUSE_MODEL;
  if (length !== layout.MODEL_SIZE + 8 * classes) return refusal.REFUSE_SECTION_LENGTH;
  if (!isSpan(table, head + layout.MODEL_NAME, 1)) return refusal.REFUSE_SPAN;
  return checkNumbers(head, classes);
}

function checkNumbers(head: usize, classes: i32): i32 {
  if (!isFiniteF64(head + layout.MODEL_LO) || !isFiniteF64(head + layout.MODEL_K)) {
    return refusal.REFUSE_NUMBER;
  }
  if (!isFiniteF32(head + layout.MODEL_DIVISOR)) return refusal.REFUSE_NUMBER;
  for (let index = 0; index < classes; index++) {
    if (!isFiniteF64(head + layout.MODEL_BASE + 8 * index)) return refusal.REFUSE_NUMBER;
  }
  const sound = load<f64>(head + layout.MODEL_K) > 0 && load<f32>(head + layout.MODEL_DIVISOR) > 0;
  return sound ? 0 : refusal.REFUSE_MODEL;
}

function checkSlots(table: usize, model: i32, isTrees: bool): i32 {
  const length = modelSectionLength(table, layout.KIND_SLOTS, model);
  if (!isWhole(length, layout.SLOT_SIZE, limit.SLOTS_MAX)) return refusal.REFUSE_SECTION_LENGTH;
  const slots = modelSection(table, layout.KIND_SLOTS, model);
  for (let slot = slots; slot < slots + length; slot += layout.SLOT_SIZE) {
    const missing: i32 = load<u16>(slot + layout.SLOT_NAN);
    if ((load<u16>(slot + layout.SLOT_FEATURE) as i32) >= countFeatures(table)) {
      return refusal.REFUSE_SLOT;
    }
    if (missing > layout.NAN_HIGH || (missing === layout.NAN_KEEP) === isTrees) {
      return refusal.REFUSE_SLOT;
    }
  }
  return 0;
}

/** Linear: weights of the right number, and no trees. */
function checkWeights(table: usize, model: i32, classes: i32): i32 {
  const length = modelSectionLength(table, layout.KIND_WEIGHTS, model);
  const slots = modelSectionLength(table, layout.KIND_SLOTS, model) / layout.SLOT_SIZE;
  const trees =
    modelSectionLength(table, layout.KIND_TREES, model) |
    modelSectionLength(table, layout.KIND_NODES, model) |
    modelSectionLength(table, layout.KIND_LEAF_ROWS, model);
  if (trees !== 0 || length !== 4 * classes * (slots + 1)) return refusal.REFUSE_SECTION_LENGTH;
  const weights = modelSection(table, layout.KIND_WEIGHTS, model);
  return areFiniteF32(weights, length) ? 0 : refusal.REFUSE_NUMBER;
}

/** x-limen- and at least one letter, digit or '-', and not the token. */
function isTagHeader(at: usize, length: i32): bool {
  if (length <= PREFIX_LENGTH) return false;
  let sameAsToken = 0;
  for (let index = 0; index < length; index++) {
    const byte: i32 = load<u8>(at + index);
    const isLetter = byte >= 0x61 && byte <= 0x7a;
    if (!isLetter && !(byte >= 0x30 && byte <= 0x39) && byte !== 0x2d) return false;
    const same = index < TOKEN_NAME_LENGTH && byte === (load<u8>(TOKEN_NAME + index) as i32);
    if (same) sameAsToken += 1;
    else if (index < PREFIX_LENGTH) return false;
  }
  return !(length === TOKEN_NAME_LENGTH && sameAsToken === TOKEN_NAME_LENGTH);
}

/** Printable ASCII that neither begins nor ends with a space. */
function isTagValue(at: usize, length: i32): bool {
  for (let index = 0; index < length; index++) {
    const byte = load<u8>(at + index);
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return load<u8>(at) !== 0x20 && load<u8>(at + length - 1) !== 0x20;
}

function checkTags(table: usize, model: i32): i32 {
  const length = modelSectionLength(table, layout.KIND_TAGS, model);
  if (!isWhole(length, layout.TAG_SIZE, limit.TAGS_MAX)) return refusal.REFUSE_SECTION_LENGTH;
  const tags = modelSection(table, layout.KIND_TAGS, model);
  for (let tag = tags; tag < tags + length; tag += layout.TAG_SIZE) {
    const header = tag + layout.TAG_HEADER;
    const value = tag + layout.TAG_VALUE;
    if (!isSpan(table, header, 1) || !isSpan(table, value, 1)) return refusal.REFUSE_SPAN;
    if (!isTagHeader(spanStart(table, header), spanLength(header))) {
      return refusal.REFUSE_TAG_HEADER;
    }
    if (!isTagValue(spanStart(table, value), spanLength(value))) return refusal.REFUSE_TAG_VALUE;
  }
  return 0;
}

/** Cuts of each segment, at most 4096 and not falling from tag to tag. */
function checkCuts(table: usize, kind: i32, model: i32, tags: i32): i32 {
  const length = modelSectionLength(table, kind, model);
  if (kind === layout.KIND_CANDIDATE_CUTS && length === 0) return 0;
  if (length !== 2 * tags * countSegments(table)) return refusal.REFUSE_SECTION_LENGTH;
  const cuts = modelSection(table, kind, model);
  const count = length >> 1;
  let before: u32 = 0;
  let tag = 0;
  for (let index = 0; index < count; index++) {
    const cut: u32 = load<u16>(cuts + (index << 1));
    if (cut > (limit.CUT_NONE as u32) || (tag > 0 && cut < before)) return refusal.REFUSE_CUT;
    before = cut;
    tag = tag + 1 === tags ? 0 : tag + 1;
  }
  return 0;
}

function checkModes(table: usize, model: i32): i32 {
  const length = modelSectionLength(table, layout.KIND_MODES, model);
  if (length !== countSegments(table)) return refusal.REFUSE_SECTION_LENGTH;
  const modes = modelSection(table, layout.KIND_MODES, model);
  for (let index = 0; index < length; index++) {
    if ((load<u8>(modes + index) as i32) > MODE_TAG) return refusal.REFUSE_MODE;
  }
  return 0;
}

function checkModel(table: usize, model: i32): i32 {
  let code = checkHead(table, model);
  if (code !== 0) return code;
  const head = modelSection(table, layout.KIND_MODEL, model);
  const classes: i32 = load<u16>(head + layout.MODEL_CLASSES);
  const isTrees = load<u8>(head + layout.MODEL_KERNEL) === layout.KERNEL_TREES;
  code = checkSlots(table, model, isTrees);
  if (code !== 0) return code;
  code = isTrees ? checkTrees(table, model, classes) : checkWeights(table, model, classes);
  if (code === 0) code = checkTags(table, model);
  if (code === 0) code = checkModes(table, model);
  const tags = code === 0 ? countTags(table, model) : 0;
  if (code === 0) code = checkCuts(table, layout.KIND_CUTS, model, tags);
  if (code === 0) code = checkCuts(table, layout.KIND_CANDIDATE_CUTS, model, tags);
  return code;
}

/** After checkFeatures and checkSegments. */
export function checkModels(table: usize): i32 {
  startTrees();
  const models = countModels(table);
  for (let model = 0; model < models; model++) {
    const code = checkModel(table, model);
    if (code !== 0) return code;
  }
  return 0;
}
