import * as layout from "../../models/record-layout.ts";

export type ModelDecision = {
  segment: number;
  bin: number;
  tag: number;
  arm: number;
  mode: number;
};

export type DecisionRecord = {
  format: number;
  status: number;
  reason: number;
  seq: number;
  vm: bigint;
  time: bigint;
  digest: bigint;
  serial: number;
  models: ModelDecision[];
  vector: number[];
};

/** Reads a decision record by the drawn layout; throws when its length does not fit. */
export function readRecord(bytes: Buffer): DecisionRecord {
  const count = bytes.readUInt16LE(layout.RECORD_MODELS_AT);
  const features = bytes.readUInt16LE(layout.RECORD_FEATURES_AT);
  const vectorAt = layout.RECORD_HEAD + count * layout.RECORD_MODEL_SIZE;
  if (bytes.length !== vectorAt + 4 * features) {
    throw new Error(`a record of ${bytes.length} bytes with ${count} models, ${features} features`);
  }
  const models = Array.from({ length: count }, (_, index) => {
    const at = layout.RECORD_HEAD + index * layout.RECORD_MODEL_SIZE;
    return {
      segment: bytes.readUInt16LE(at + layout.RECORD_MODEL_SEGMENT),
      bin: bytes.readUInt16LE(at + layout.RECORD_MODEL_BIN),
      tag: bytes.readUInt8(at + layout.RECORD_MODEL_TAG),
      arm: bytes.readUInt8(at + layout.RECORD_MODEL_ARM),
      mode: bytes.readUInt8(at + layout.RECORD_MODEL_MODE),
    };
  });
  return {
    format: bytes.readUInt16LE(layout.RECORD_FORMAT_AT),
    status: bytes.readUInt8(layout.RECORD_STATUS_AT),
    reason: bytes.readUInt8(layout.RECORD_REASON_AT),
    seq: bytes.readUInt32LE(layout.RECORD_SEQ_AT),
    vm: bytes.readBigUInt64LE(layout.RECORD_VM_AT),
    time: bytes.readBigUInt64LE(layout.RECORD_TIME_AT),
    digest: bytes.readBigUInt64LE(layout.RECORD_DIGEST_AT),
    serial: bytes.readUInt32LE(layout.RECORD_SERIAL_AT),
    models,
    vector: Array.from({ length: features }, (_, index) => bytes.readFloatLE(vectorAt + 4 * index)),
  };
}
