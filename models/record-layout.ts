// Decision record (filter state wasm.limen) and decision token (header x-limen-decision).
// Little-endian, offsets in bytes; drawn in models/README.md.

export const RECORD_FORMAT = 1;
export const RECORD_FORMAT_AT = 0; // u16
export const RECORD_STATUS_AT = 2; // u8
export const RECORD_REASON_AT = 3; // u8
export const RECORD_SEQ_AT = 4; // u32
export const RECORD_VM_AT = 8; // u64, nanoseconds since 1970: when the VM was configured first
export const RECORD_TIME_AT = 16; // u64, nanoseconds since 1970
export const RECORD_DIGEST_AT = 24; // u64, table digest; 0 without a table
export const RECORD_SERIAL_AT = 32; // u32, table serial
export const RECORD_MODELS_AT = 36; // u16
export const RECORD_FEATURES_AT = 38; // u16, length of the vector, 0 without one
export const RECORD_HEAD = 40;
// Then one entry a model, in table order, then the vector (f32 each).
export const RECORD_MODEL_SEGMENT = 0; // u16
export const RECORD_MODEL_BIN = 2; // u16; 65535 when the model was off or did not score
export const RECORD_MODEL_TAG = 4; // u8; 0 none, else 1 + index of the tag written
export const RECORD_MODEL_ARM = 5; // u8
export const RECORD_MODEL_MODE = 6; // u8
export const RECORD_MODEL_SIZE = 8;
export const BIN_NONE = 65535;

export const TOKEN_FORMAT = 1;
export const TOKEN_FORMAT_AT = 0; // u16
export const TOKEN_MODELS_AT = 2; // u16
export const TOKEN_SEQ_AT = 4; // u32
export const TOKEN_VM_AT = 8; // u64
export const TOKEN_TIME_AT = 16; // u64
export const TOKEN_ID_AT = 24; // u64, SipHash-2-4 of the request id under the token key
export const TOKEN_DIGEST_AT = 32; // u64, table digest
export const TOKEN_HEAD = 40;
// Then one entry a model, then the MAC (u64, SipHash-2-4 of all before it); sent as base64url.
export const TOKEN_MODEL_DIGEST = 0; // u64
export const TOKEN_MODEL_SEGMENT = 8; // u16
export const TOKEN_MODEL_BIN = 10; // u16
export const TOKEN_MODEL_TAG = 12; // u8
export const TOKEN_MODEL_ARM = 13; // u8
export const TOKEN_MODEL_SIZE = 16;
export const TOKEN_MAC_SIZE = 8;
