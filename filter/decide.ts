// The decision about one request, from the spans of request.ts to status, reason and record:
//
//   readRequest -> startDecision: segment, exempt, features, score, bin, cut, arm, tag
//   -> (the host writes the tags; failTag for each it refused) -> closeDecision -> record, token

import * as decision from "../models/decision";
import { MODELS_MAX } from "../models/limits";
import * as record from "../models/record-layout";
import * as layout from "../models/table-layout";
import { DRAW_VECTOR, drawShare, startDraws } from "./draw";
import { computeFeatures } from "./features";
import { appendVector, recordEntry, recordStart, startRecord } from "./record";
import { hasCarriedTag } from "./request";
import { binOfScore, scoreModel } from "./score";
import { countModels, modelSection, settingsOf } from "./table";
import { chooseTag, chosenArm, chosenTag, findSegment, isExempt, modeOf } from "./threshold";

/** A reason a model: why it wrote no tag. */
const REASONS: usize = memory.data(MODELS_MAX);

export let status: i32 = 0;
export let reason: i32 = 0;
let isScored: bool = false;

function setEntries(table: usize, models: i32, segment: i32): bool {
  let anyOn = false;
  for (let model = 0; model < models; model++) {
    const mode = modeOf(table, model, segment);
    const entry = recordEntry(model);
    store<u16>(entry + record.RECORD_MODEL_SEGMENT, segment as u16);
    store<u8>(entry + record.RECORD_MODEL_MODE, mode as u8);
    store<u8>(REASONS + model, decision.REASON_OFF as u8);
    if (mode !== decision.MODE_OFF) anyOn = true;
  }
  return anyOn;
}

function decideModel(table: usize, model: i32, segment: i32): void {
  if (modeOf(table, model, segment) === decision.MODE_OFF) return;
  if (!scoreModel(table, model)) {
    store<u8>(REASONS + model, decision.REASON_NAN as u8);
    return;
  }
  const bin = binOfScore(table, model);
  const why = chooseTag(table, model, segment, bin);
  const entry = recordEntry(model);
  store<u16>(entry + record.RECORD_MODEL_BIN, bin as u16);
  store<u8>(entry + record.RECORD_MODEL_TAG, chosenTag as u8);
  store<u8>(entry + record.RECORD_MODEL_ARM, chosenArm as u8);
  store<u8>(REASONS + model, why as u8);
}

/** Whether models were asked at all, and if not, why. REASON_NONE when they were. */
function decideAll(table: usize, trouble: i32, clock: u64): i32 {
  const models = countModels(table);
  if (models === 0) return decision.REASON_NO_TABLE;
  if (trouble !== decision.REASON_NONE) return trouble;
  const segment = findSegment(table);
  const anyOn = setEntries(table, models, segment);
  if (hasCarriedTag) return decision.REASON_TRUSTED;
  if (isExempt(table)) return decision.REASON_EXEMPT;
  if (!anyOn) return decision.REASON_OFF;
  const work = computeFeatures(table, clock);
  if (work !== decision.REASON_NONE) return work;
  for (let model = 0; model < models; model++) decideModel(table, model, segment);
  return decision.REASON_NONE;
}

export function startDecision(table: usize, trouble: i32, vm: u64, seq: u32, clock: u64): void {
  startRecord(table, vm, seq, clock);
  startDraws(load<u64>(settingsOf(table) + layout.SETTINGS_SALT), vm, seq, clock);
  reason = decideAll(table, trouble, clock);
  isScored = reason === decision.REASON_NONE;
}

/** The span of the header of a model's tag; 0 when it writes none. Its value is at TAG_VALUE. */
export function tagToWrite(table: usize, model: i32): usize {
  const tag: i32 = load<u8>(recordEntry(model) + record.RECORD_MODEL_TAG);
  if (tag === 0) return 0;
  return modelSection(table, layout.KIND_TAGS, model) + (tag - 1) * layout.TAG_SIZE;
}

/** The host refused the tag: it is not on the request. */
export function failTag(model: i32): void {
  store<u8>(recordEntry(model) + record.RECORD_MODEL_TAG, 0);
  store<u8>(REASONS + model, decision.REASON_WRITE as u8);
}

/** Which reason speaks for several models: that of the one nearest to a tag. */
function rankReason(why: i32): i32 {
  if (why === decision.REASON_WRITE) return 6;
  if (why === decision.REASON_AUDIT) return 5;
  if (why === decision.REASON_BELOW_CUT) return 4;
  if (why === decision.REASON_SHADOW) return 3;
  if (why === decision.REASON_NAN) return 2;
  return 1;
}

/** REASON_NONE when a tag is on the request. */
function summarize(models: i32): i32 {
  let best = decision.REASON_OFF;
  for (let model = 0; model < models; model++) {
    if (load<u8>(recordEntry(model) + record.RECORD_MODEL_TAG) !== 0) return decision.REASON_NONE;
    const why: i32 = load<u8>(REASONS + model);
    if (rankReason(why) > rankReason(best)) best = why;
  }
  return best;
}

function statusOf(why: i32): i32 {
  switch (why) {
    case decision.REASON_NONE:
      return decision.STATUS_TAGGED;
    case decision.REASON_OVERSIZE:
    case decision.REASON_NO_HEADERS:
    case decision.REASON_WORK:
    case decision.REASON_NAN:
      return decision.STATUS_UNSCORED;
    default:
      return decision.STATUS_BASE;
  }
}

/** Settles status and reason, and the vector of a drawn share of the records. */
export function closeDecision(table: usize): void {
  if (isScored) reason = summarize(countModels(table));
  status = statusOf(reason);
  store<u8>(recordStart() + record.RECORD_STATUS_AT, status as u8);
  store<u8>(recordStart() + record.RECORD_REASON_AT, reason as u8);
  const share = load<u32>(settingsOf(table) + layout.SETTINGS_VECTOR);
  if (isScored && drawShare(DRAW_VECTOR, share)) appendVector(table);
}
