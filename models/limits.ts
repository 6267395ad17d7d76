// Every cap of the table and of the request path. The writer (control/table) and the reader
// (filter/validate.ts) both check them; a test crosses each one by exactly one.

/** 9-19 ms from push to ACK on a real Envoy; one copy per worker and slot. */
export const TABLE_BYTES_MAX = 524288;
export const SECTIONS_MAX = 128;
export const SOURCES_MAX = 64;
/** Also the length of a vector in a decision record: 512 x 4 bytes. */
export const FEATURES_MAX = 512;
/** Model inputs after NaN sides are folded: one u16 per tree node names a slot. */
export const SLOTS_MAX = 512;
export const MODELS_MAX = 8;
/** Segment 0 is the rest, so 1,023 can be named. */
export const SEGMENTS_MAX = 1024;
/** Dictionary entries: several prefixes may lead to one segment. */
export const SEGMENT_ENTRIES_MAX = 4096;
export const TAGS_MAX = 16;
export const EXEMPT_MAX = 64;
export const IGNORED_MAX = 64;
export const TREES_MAX = 4096;
export const NODES_MAX = 65536;
export const DEPTH_MAX = 64;
/** Sum over models of tree depths: about 26 us of scoring in the worst case. */
export const STEPS_MAX = 20000;
export const CLASSES_MAX = 64;
export const LEAF_ROWS_MAX = 65536;
export const PATTERN_SETS_MAX = 512;
export const PATTERNS_MAX = 4096;
export const PATTERN_ELEMENTS_MAX = 65535;
export const BYTE_CLASSES_MAX = 1024;
/** Hash buckets and n-gram weights: a power of two, 2 to 16,384. */
export const BUCKETS_MAX = 16384;
export const GRAM_MAX = 8;
/** Header and tag texts: well below Envoy's own 60 KiB for all headers. */
export const NAME_BYTES_MAX = 256;
export const BYTES_POOL_MAX = 262144;

/** Bytes of one value a measure looks at unless the feature asks for fewer. */
export const SCAN_BYTES_MAX = 8192;
/** Byte steps of all measures for one request, about 1 ms; above it: unscored. */
export const SCAN_STEPS_MAX = 1048576;
/** The host refuses maps above these sizes itself (proxy-wasm-cpp-host limits.h). */
export const HEADER_PAIRS_MAX = 1024;
export const HEADER_BYTES_MAX = 1048576;
/** Plugins that may share one VM; a fifth serves the base state. */
export const PLUGINS_MAX = 4;
/** Up to this many forged headers are removed one by one, above it the map is set once. */
export const FORGED_SINGLE_MAX = 8;
export const BINS = 4096;
/** A cut of 4096 is above every bin: it tags nothing. */
export const CUT_NONE = 4096;
/** Shares are parts per million. */
export const SHARE_ALL = 1000000;
export const ROOT_ID_BYTES_MAX = 64;
export const FLUSH_INTERVAL_MS = 1000;
