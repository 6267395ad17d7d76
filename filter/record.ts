// The decision record and the decision token; layouts: models/record-layout.ts.

import { FEATURES_MAX, MODELS_MAX } from "../models/limits";
import * as layout from "../models/record-layout";
import {
  HEAD_DIGEST,
  HEAD_SERIAL,
  KIND_MODEL,
  MODEL_DIGEST,
  SETTINGS_TOKEN_KEY,
} from "../models/table-layout";
import { vectorStart } from "./features";
import { requestIdAt, requestIdLength } from "./request";
import { countFeatures, countModels, modelSection, settingsOf } from "./table";
import { sipHash } from "./token/siphash";

const RECORD: usize = memory.data(40 + 8 * MODELS_MAX + 4 * FEATURES_MAX, 8);
const TOKEN: usize = memory.data(40 + 16 * MODELS_MAX + 8 + 3, 8);
const TEXT: usize = memory.data(4 * ((40 + 16 * MODELS_MAX + 8 + 2) / 3));
// A to Z, a to z, 0 to 9, '-', '_'
const ALPHABET: usize = memory.data<u8>([
  0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50,
  0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
  0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76,
  0x77, 0x78, 0x79, 0x7a, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x2d, 0x5f,
]);

export function recordStart(): usize {
  return RECORD;
}

export function recordEntry(model: i32): usize {
  return RECORD + layout.RECORD_HEAD + model * layout.RECORD_MODEL_SIZE;
}

/** Head of the record, and one entry a model that has not scored. */
export function startRecord(table: usize, vm: u64, seq: u32, time: u64): void {
  const models = countModels(table);
  store<u16>(RECORD + layout.RECORD_FORMAT_AT, layout.RECORD_FORMAT);
  store<u16>(RECORD + layout.RECORD_STATUS_AT, 0);
  store<u32>(RECORD + layout.RECORD_SEQ_AT, seq);
  store<u64>(RECORD + layout.RECORD_VM_AT, vm);
  store<u64>(RECORD + layout.RECORD_TIME_AT, time);
  store<u64>(RECORD + layout.RECORD_DIGEST_AT, load<u64>(table + HEAD_DIGEST));
  store<u32>(RECORD + layout.RECORD_SERIAL_AT, load<u32>(table + HEAD_SERIAL));
  store<u16>(RECORD + layout.RECORD_MODELS_AT, models as u16);
  store<u16>(RECORD + layout.RECORD_FEATURES_AT, 0);
  for (let model = 0; model < models; model++) {
    const entry = recordEntry(model);
    store<u64>(entry, 0);
    store<u16>(entry + layout.RECORD_MODEL_BIN, layout.BIN_NONE);
  }
}

/** Puts the vector behind the models. */
export function appendVector(table: usize): void {
  const features = countFeatures(table);
  memory.copy(recordEntry(countModels(table)), vectorStart(), features << 2);
  store<u16>(RECORD + layout.RECORD_FEATURES_AT, features as u16);
}

export function recordLength(): i32 {
  return (
    layout.RECORD_HEAD +
    (load<u16>(RECORD + layout.RECORD_MODELS_AT) as i32) * layout.RECORD_MODEL_SIZE +
    ((load<u16>(RECORD + layout.RECORD_FEATURES_AT) as i32) << 2)
  );
}

function writeTokenModel(table: usize, model: i32): void {
  const from = recordEntry(model);
  const to = TOKEN + layout.TOKEN_HEAD + model * layout.TOKEN_MODEL_SIZE;
  const head = modelSection(table, KIND_MODEL, model);
  store<u64>(to + layout.TOKEN_MODEL_DIGEST, load<u64>(head + MODEL_DIGEST));
  store<u64>(to + layout.TOKEN_MODEL_SEGMENT, 0);
  store<u16>(to + layout.TOKEN_MODEL_SEGMENT, load<u16>(from + layout.RECORD_MODEL_SEGMENT));
  store<u16>(to + layout.TOKEN_MODEL_BIN, load<u16>(from + layout.RECORD_MODEL_BIN));
  store<u8>(to + layout.TOKEN_MODEL_TAG, load<u8>(from + layout.RECORD_MODEL_TAG));
  store<u8>(to + layout.TOKEN_MODEL_ARM, load<u8>(from + layout.RECORD_MODEL_ARM));
}

/** base64url without padding; the bytes behind the last are 0. */
function encodeText(length: i32): i32 {
  store<u16>(TOKEN + length, 0);
  let to = TEXT;
  for (let at = 0; at < length; at += 3) {
    const three =
      ((load<u8>(TOKEN + at) as u32) << 16) |
      ((load<u8>(TOKEN + at + 1) as u32) << 8) |
      (load<u8>(TOKEN + at + 2) as u32);
    for (let shift = 18; shift >= 0; shift -= 6) {
      store<u8>(to, load<u8>(ALPHABET + ((three >> (shift as u32)) & 63)));
      to += 1;
    }
  }
  return (length * 4 + 2) / 3;
}

export function tokenText(): usize {
  return TEXT;
}

/** Builds the token of the record at hand; the length of its text. */
export function writeToken(table: usize): i32 {
  const models = countModels(table);
  const key = settingsOf(table) + SETTINGS_TOKEN_KEY;
  const key0 = load<u64>(key);
  const key1 = load<u64>(key, 8);
  store<u16>(TOKEN + layout.TOKEN_FORMAT_AT, layout.TOKEN_FORMAT);
  store<u16>(TOKEN + layout.TOKEN_MODELS_AT, models as u16);
  store<u32>(TOKEN + layout.TOKEN_SEQ_AT, load<u32>(RECORD + layout.RECORD_SEQ_AT));
  store<u64>(TOKEN + layout.TOKEN_VM_AT, load<u64>(RECORD + layout.RECORD_VM_AT));
  store<u64>(TOKEN + layout.TOKEN_TIME_AT, load<u64>(RECORD + layout.RECORD_TIME_AT));
  const id = requestIdLength < 0 ? 0 : sipHash(key0, key1, requestIdAt, requestIdLength);
  store<u64>(TOKEN + layout.TOKEN_ID_AT, id);
  store<u64>(TOKEN + layout.TOKEN_DIGEST_AT, load<u64>(RECORD + layout.RECORD_DIGEST_AT));
  for (let model = 0; model < models; model++) writeTokenModel(table, model);
  const length = layout.TOKEN_HEAD + models * layout.TOKEN_MODEL_SIZE;
  store<u64>(TOKEN + length, sipHash(key0, key1, TOKEN, length));
  return encodeText(length + layout.TOKEN_MAC_SIZE);
}
