import * as decision from "../../models/decision.ts";
import { BINS, FEATURES_MAX, MODELS_MAX, SEGMENTS_MAX, TAGS_MAX } from "../../models/limits.ts";
import * as layout from "../../models/record-layout.ts";
import { LimenError } from "../errors.ts";

export type RecordedModel = {
  segment: number;
  /** 0 to 4095; null when the model was off or did not score. */
  bin: number | null;
  /** 0 none, else 1 + index of the tag written. */
  tag: number;
  /** ARM_* of models/decision.ts. */
  arm: number;
  /** MODE_*. */
  mode: number;
};

/** A decision record as the filter wrote it. */
export type DecisionRecord = {
  /** STATUS_* and REASON_* of models/decision.ts. */
  status: number;
  reason: number;
  /** Count of records of the VM; u32, goes round. */
  seq: number;
  /** When the VM was configured first, nanoseconds since 1970. */
  vm: bigint;
  timeNs: bigint;
  /** 16 hex digits; zeros without a table. */
  tableDigest: string;
  tableSerial: number;
  /** In the order of the table. */
  models: RecordedModel[];
  /** The vector that was scored, when this record carries it. */
  vector: Float32Array | null;
};

const MODE_LAST = decision.MODE_TAG;
const STATUS_LAST = decision.STATUS_UNSCORED;

function refuse(what: string): never {
  throw new LimenError("input", `decision record: ${what}; filter and control must be one version`);
}

function checkRange(name: string, value: number, end: number): number {
  return value < end ? value : refuse(`${name} ${value} is not below ${end}`);
}

/*
 * 0 format u16 | 2 status u8 | 3 reason u8 | 4 seq u32 | 8 vm u64 | 16 time u64 | 24 table digest
 * 8 bytes | 32 serial u32 | 36 models u16 | 38 features u16 | 40 models x 8 | vector, f32 each
 */
function checkLength(view: DataView): { models: number; features: number } {
  if (view.byteLength < layout.RECORD_HEAD) {
    refuse(`${view.byteLength} bytes are fewer than the ${layout.RECORD_HEAD} of its head`);
  }
  const format = view.getUint16(layout.RECORD_FORMAT_AT, true);
  if (format !== layout.RECORD_FORMAT) refuse(`format ${format} is not ${layout.RECORD_FORMAT}`);
  const models = view.getUint16(layout.RECORD_MODELS_AT, true);
  const features = view.getUint16(layout.RECORD_FEATURES_AT, true);
  checkRange("count of models", models, MODELS_MAX + 1);
  checkRange("length of the vector", features, FEATURES_MAX + 1);
  const length = layout.RECORD_HEAD + models * layout.RECORD_MODEL_SIZE + 4 * features;
  if (view.byteLength !== length) refuse(`${view.byteLength} bytes instead of ${length}`);
  return { models, features };
}

/** segment u16 | bin u16 | tag u8 | arm u8 | mode u8 | 0 u8 */
function readModel(view: DataView, at: number): RecordedModel {
  const bin = view.getUint16(at + layout.RECORD_MODEL_BIN, true);
  const segment = view.getUint16(at + layout.RECORD_MODEL_SEGMENT, true);
  return {
    segment: checkRange("segment", segment, SEGMENTS_MAX),
    bin: bin === layout.BIN_NONE ? null : checkRange("bin", bin, BINS),
    tag: checkRange("tag", view.getUint8(at + layout.RECORD_MODEL_TAG), TAGS_MAX + 1),
    arm: checkRange("arm", view.getUint8(at + layout.RECORD_MODEL_ARM), decision.ARM_COUNT),
    mode: checkRange("mode", view.getUint8(at + layout.RECORD_MODEL_MODE), MODE_LAST + 1),
  };
}

/** The record in these bytes; "input" with what is wrong when they are none. */
export function readRecord(bytes: Uint8Array): DecisionRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { models, features } = checkLength(view);
  const vectorAt = layout.RECORD_HEAD + models * layout.RECORD_MODEL_SIZE;
  const digest = view.getBigUint64(layout.RECORD_DIGEST_AT, false);
  return {
    status: checkRange("status", view.getUint8(layout.RECORD_STATUS_AT), STATUS_LAST + 1),
    reason: checkRange("reason", view.getUint8(layout.RECORD_REASON_AT), decision.REASON_COUNT),
    seq: view.getUint32(layout.RECORD_SEQ_AT, true),
    vm: view.getBigUint64(layout.RECORD_VM_AT, true),
    timeNs: view.getBigUint64(layout.RECORD_TIME_AT, true),
    tableDigest: digest.toString(16).padStart(16, "0"),
    tableSerial: view.getUint32(layout.RECORD_SERIAL_AT, true),
    models: Array.from({ length: models }, (_, index) =>
      readModel(view, layout.RECORD_HEAD + index * layout.RECORD_MODEL_SIZE),
    ),
    vector:
      features === 0
        ? null
        : Float32Array.from({ length: features }, (_, index) =>
            view.getFloat32(vectorAt + 4 * index, true),
          ),
  };
}

const u16 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);

function isModel(bytes: Uint8Array, at: number): boolean {
  const bin = u16(bytes, at + layout.RECORD_MODEL_BIN);
  return (
    u16(bytes, at + layout.RECORD_MODEL_SEGMENT) < SEGMENTS_MAX &&
    (bin < BINS || bin === layout.BIN_NONE) &&
    (bytes[at + layout.RECORD_MODEL_TAG] ?? 0) <= TAGS_MAX &&
    (bytes[at + layout.RECORD_MODEL_ARM] ?? 0) < decision.ARM_COUNT &&
    (bytes[at + layout.RECORD_MODEL_MODE] ?? 0) <= MODE_LAST
  );
}

/** Whether `readRecord` would read it, without making one. */
export function isRecord(bytes: Uint8Array): boolean {
  if (bytes.length < layout.RECORD_HEAD) return false;
  const models = u16(bytes, layout.RECORD_MODELS_AT);
  const features = u16(bytes, layout.RECORD_FEATURES_AT);
  const length = layout.RECORD_HEAD + models * layout.RECORD_MODEL_SIZE + 4 * features;
  let isWhole =
    u16(bytes, layout.RECORD_FORMAT_AT) === layout.RECORD_FORMAT &&
    models <= MODELS_MAX &&
    features <= FEATURES_MAX &&
    bytes.length === length &&
    (bytes[layout.RECORD_STATUS_AT] ?? 0) <= STATUS_LAST &&
    (bytes[layout.RECORD_REASON_AT] ?? 0) < decision.REASON_COUNT;
  for (let model = 0; model < models && isWhole; model++) {
    isWhole = isModel(bytes, layout.RECORD_HEAD + model * layout.RECORD_MODEL_SIZE);
  }
  return isWhole;
}
