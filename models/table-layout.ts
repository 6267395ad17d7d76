// The table: the bytes pushed to filters. Little-endian, offsets in bytes, drawn in
// models/README.md. Writer: control/table/encode.ts. Readers: filter/table.ts, filter/validate.ts.

export const MAGIC = 0x4e4d494c; // "LIMN"
export const LAYOUT = 1;
export const HEAD_MAGIC = 0; // u32
export const HEAD_LAYOUT = 4; // u16
export const HEAD_FLAGS = 6; // u16, 0
export const HEAD_LENGTH = 8; // u32, all bytes
export const HEAD_CRC = 12; // u32, CRC-32 of bytes 16 to the end
export const HEAD_DIGEST = 16; // u64, SHA-256 of all bytes with digest and CRC 0, first 8 bytes
export const HEAD_SERIAL = 24; // u32
export const HEAD_SECTIONS = 28; // u32, count
export const HEAD_SIZE = 32;

// Section directory: sorted by (kind, index); offsets 8-byte aligned, tiling the rest of the table
// without hole or overlap; padding bytes are 0.
export const SECTION_KIND = 0; // u32
export const SECTION_INDEX = 4; // u32, the model it belongs to, else 0
export const SECTION_OFFSET = 8; // u32
export const SECTION_LENGTH = 12; // u32, without padding
export const SECTION_SIZE = 16;

// Sections of the table: each exactly once, possibly of length 0 (SETTINGS and SEGMENTS never).
export const KIND_SETTINGS = 1;
export const KIND_BYTES = 2; // byte pool: names and values; spans are {u32 offset, u32 length}
export const KIND_SOURCES = 3;
export const KIND_FEATURES = 4;
export const KIND_CLASSES = 5; // byte classes: 256-bit maps, byte b is bit b%8 of byte b/8
export const KIND_PATTERN_SETS = 6;
export const KIND_PATTERNS = 7;
export const KIND_ELEMENTS = 8; // u16 byte class each
export const KIND_GRAM_WEIGHTS = 9; // f32 each
export const KIND_SEGMENTS = 10; // one span a segment: its name; segment 0 first
export const KIND_SEGMENT_ENTRIES = 11;
export const KIND_EXEMPT = 12;
export const KIND_IGNORED = 13;
// Sections of a model: each exactly once a model, possibly of length 0.
export const KIND_MODEL = 32;
export const KIND_SLOTS = 33;
export const KIND_TREES = 34; // u32 each: index of the root node
export const KIND_NODES = 35;
export const KIND_LEAF_ROWS = 36; // f32 x classes each
export const KIND_WEIGHTS = 37; // linear: f32 x slots for each class, then f32 intercept each
export const KIND_TAGS = 38;
export const KIND_MODES = 39; // u8 a segment
export const KIND_CUTS = 40; // u16 x tags a segment
export const KIND_CANDIDATE_CUTS = 41; // u16 x tags a segment, or length 0

export const SETTINGS_FLAGS = 0; // u32
export const SETTINGS_AUDIT = 4; // u32, parts per million
export const SETTINGS_EXTRA = 8; // u32, parts per million
export const SETTINGS_EXTRA_WIDTH = 12; // u32, bins from the cut upwards
export const SETTINGS_CANDIDATE = 16; // u32, parts per million
export const SETTINGS_VECTOR = 20; // u32, parts per million of records that carry the vector
export const SETTINGS_SALT = 24; // u64
export const SETTINGS_TOKEN_KEY = 32; // 16 bytes
export const SETTINGS_SEGMENT_SOURCE = 48; // u16, source index, meaningless without entries
export const SETTINGS_SEGMENT_MATCH = 50; // u16, MATCH_*
export const SETTINGS_MODELS = 52; // u32, count
export const SETTINGS_RESERVED = 56; // u64, 0
export const SETTINGS_SIZE = 64;
export const FLAG_TRUST_MESH = 1;
export const FLAG_TOKEN = 2;
export const FLAG_RECORD = 4;
export const FLAGS_ALL = 7;

export const MATCH_EQUALS = 0;
export const MATCH_PREFIX = 1;

export const SPAN_OFFSET = 0; // u32
export const SPAN_LENGTH = 4; // u32
export const SPAN_SIZE = 8;

export const SOURCE_KIND = 0; // u16, SOURCE_* of measures.ts
export const SOURCE_RESERVED = 2; // u16, 0
export const SOURCE_RESERVED2 = 4; // u32, 0
export const SOURCE_NAME = 8; // span; lower case for headers; empty for unnamed kinds
export const SOURCE_SIZE = 16;

export const FEATURE_SOURCE = 0; // u16
export const FEATURE_MEASURE = 2; // u16
export const FEATURE_ARGUMENT0 = 4; // u32, class, pattern set, buckets or gram length
export const FEATURE_ARGUMENT1 = 8; // u32, gram weights: count (a power of two)
export const FEATURE_ARGUMENT2 = 12; // u32, gram weights: index of the first
export const FEATURE_SCAN = 16; // u32, bytes looked at, 1 to SCAN_BYTES_MAX
export const FEATURE_RESERVED = 20; // u32, 0
export const FEATURE_NAME = 24; // span
export const FEATURE_SIZE = 32;

export const CLASS_SIZE = 32;
export const PATTERN_SET_FIRST = 0; // u16, class of every byte a pattern of the set can begin with
export const PATTERN_SET_START = 2; // u16, index of the first pattern
export const PATTERN_SET_COUNT = 4; // u16, at least 1
export const PATTERN_SET_RESERVED = 6; // u16, 0
export const PATTERN_SET_SIZE = 8;
export const PATTERN_START = 0; // u32, index of the first element
export const PATTERN_LENGTH = 4; // u32, elements, at least 1
export const PATTERN_SIZE = 8;
export const ELEMENT_SIZE = 2;

// Entries sorted by text (bytes, ascending, distinct). The longest prefix of a value is its
// predecessor in that order or an entry on the predecessor's chain of parents.
export const ENTRY_TEXT = 0; // span
export const ENTRY_SEGMENT = 8; // u16
export const ENTRY_PARENT = 10; // u16, 1 + index of the longest entry that is a prefix of this; 0 none
export const ENTRY_SIZE = 12;

export const EXEMPT_SOURCE = 0; // u16
export const EXEMPT_MATCH = 2; // u16
export const EXEMPT_TEXT = 4; // span
export const EXEMPT_SIZE = 12;

export const IGNORED_NAME = 0; // span, lower case
export const IGNORED_MATCH = 8; // u32
export const IGNORED_SIZE = 12;

export const MODEL_DIGEST = 0; // u64
export const MODEL_LO = 8; // f64: bin = clamp(floor((binned - lo) * k), 0, 4095)
export const MODEL_K = 16; // f64
export const MODEL_NAME = 24; // span
export const MODEL_KERNEL = 32; // u8, KERNEL_*
export const MODEL_OUTPUT = 33; // u8, OUTPUT_*
export const MODEL_ACCUMULATOR = 34; // u8, 0 f32, 1 f64
export const MODEL_BINNED = 35; // u8, 0 the raw score is binned, 1 the score
export const MODEL_CLASSES = 36; // u16, raw scores the kernel makes; 1 without SOFTMAX
export const MODEL_CLASS = 38; // u16, the one that is scored
export const MODEL_DIVISOR = 40; // f32, trees: the sum is divided by it before the base (AVERAGE)
export const MODEL_RESERVED = 44; // u32, 0
export const MODEL_BASE = 48; // f64 x classes follow, at least one
export const MODEL_SIZE = 48; // plus 8 x classes
export const KERNEL_LINEAR = 1;
export const KERNEL_TREES = 2;
export const OUTPUT_IDENTITY = 0;
export const OUTPUT_LOGISTIC = 1;
export const OUTPUT_SOFTMAX = 2;

export const SLOT_FEATURE = 0; // u16, feature index
export const SLOT_NAN = 2; // u16: NAN_KEEP (linear), NAN_LOW -Inf, NAN_HIGH +Inf (trees)
export const SLOT_SIZE = 4;
export const NAN_KEEP = 0;
export const NAN_LOW = 1;
export const NAN_HIGH = 2;

// Children are a pair of neighbours at node + offset: the left (x <= t), then the right.
export const NODE_VALUE = 0; // f32: threshold; leaf: its weight, or its leaf row as u32
export const NODE_SLOT = 4; // u16; leaf: the slot count (a reserved input that holds -Inf)
export const NODE_OFFSET = 6; // u16, in nodes, forward; 0 for a leaf
export const NODE_SIZE = 8;

export const TAG_HEADER = 0; // span, begins with x-limen-
export const TAG_VALUE = 8; // span
export const TAG_SIZE = 16;
