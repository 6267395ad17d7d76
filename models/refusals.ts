// Why the filter refuses a table: what filter/validate.ts returns, what it logs when a configuration
// is refused, and what control/scorer.ts prints. 0 is no refusal.

export const REFUSE_NONE = 0;
/** The host gave no bytes, or not as many as it said. */
export const REFUSE_UNREAD = 1;
/** Longer than TABLE_BYTES_MAX, shorter than a head, or not as long as the head says. */
export const REFUSE_LENGTH = 2;
export const REFUSE_MAGIC = 3;
/** A layout this filter does not read. */
export const REFUSE_LAYOUT = 4;
/** Flags of the head are not 0. */
export const REFUSE_HEAD_FLAGS = 5;
export const REFUSE_CRC = 6;
/** The directory lacks a section, has one too many or out of order, or counts too many models. */
export const REFUSE_DIRECTORY = 7;
/** Sections do not tile the table, or bytes between them are not 0. */
export const REFUSE_TILING = 8;
/** The length of a section is no multiple of its entries, or above its cap. */
export const REFUSE_SECTION_LENGTH = 9;
/** A reserved field is not 0. */
export const REFUSE_RESERVED = 10;
/** Flags, shares, width or match of the settings. */
export const REFUSE_SETTINGS = 11;
/** The source of the segments does not exist or has no single value. */
export const REFUSE_SEGMENT_SOURCE = 12;
/** A span outside the byte pool, or empty or longer than a name may be. */
export const REFUSE_SPAN = 13;
/** A source of unknown kind, with a name where none belongs, or with no header name. */
export const REFUSE_SOURCE = 14;
/** Two sources are the same. */
export const REFUSE_SOURCE_TWICE = 15;
/** A feature of an unknown source or measure, or a measure its source does not have. */
export const REFUSE_FEATURE = 16;
/** An argument of a feature out of its range. */
export const REFUSE_ARGUMENT = 17;
/** Bytes to scan of a feature. */
export const REFUSE_SCAN = 18;
export const REFUSE_PATTERN_SET = 19;
export const REFUSE_PATTERN = 20;
/** A pattern names a byte class that does not exist. */
export const REFUSE_ELEMENT = 21;
/** A weight, threshold, base or range that is not finite. */
export const REFUSE_NUMBER = 22;
/** Entries of segments not strictly ascending. */
export const REFUSE_ENTRY_ORDER = 23;
/** An entry leads to no segment. */
export const REFUSE_ENTRY_SEGMENT = 24;
/** The parent of an entry is not the longest entry that is its prefix. */
export const REFUSE_ENTRY_PARENT = 25;
/** An exempt rule of an unknown source or match. */
export const REFUSE_EXEMPT = 26;
/** An ignored header of unknown match, or not in lower case. */
export const REFUSE_IGNORED = 27;
/** Kernel, output, accumulator, binned, classes, class or divisor of a model. */
export const REFUSE_MODEL = 28;
/** A slot of an unknown feature, or with a side for missing values the kernel does not have. */
export const REFUSE_SLOT = 29;
/** The header of a tag is not x-limen- and lower-case letters, digits and '-', or is reserved. */
export const REFUSE_TAG_HEADER = 30;
/** The value of a tag is not printable ASCII. */
export const REFUSE_TAG_VALUE = 31;
export const REFUSE_MODE = 32;
/** A cut above 4096, or below the cut of an earlier tag. */
export const REFUSE_CUT = 33;
/** Roots of trees not ascending from 0, or outside the nodes. */
export const REFUSE_ROOT = 34;
/** A node leads out of its tree, or has no parent or two. */
export const REFUSE_NODE = 35;
/** A node or leaf reads a slot that is not its own. */
export const REFUSE_NODE_SLOT = 36;
/** A leaf names a row that does not exist. */
export const REFUSE_LEAF_ROW = 37;
export const REFUSE_DEPTH = 38;
/** The trees of all models together take more than STEPS_MAX steps. */
export const REFUSE_STEPS = 39;
