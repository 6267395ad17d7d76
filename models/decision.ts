// Numbers of a decision: what the record and the token carry. Texts live in control/.

export const STATUS_BASE = 0;
export const STATUS_TAGGED = 1;
export const STATUS_UNSCORED = 2;

export const REASON_NONE = 0;
/** No table yet: the default configuration, or the base table. */
export const REASON_NO_TABLE = 1;
export const REASON_EXEMPT = 2;
/** Every model is off for this segment. */
export const REASON_OFF = 3;
export const REASON_SHADOW = 4;
/** Drawn into the audit or extra arm: no action. */
export const REASON_AUDIT = 5;
export const REASON_BELOW_CUT = 6;
/** trust: mesh, and an earlier hop wrote a tag already. */
export const REASON_TRUSTED = 7;
/** Header map above the caps of limits.ts. */
export const REASON_OVERSIZE = 8;
/** The host gave no headers, or they do not parse. */
export const REASON_NO_HEADERS = 9;
/** The measures ran over SCAN_STEPS_MAX. */
export const REASON_WORK = 10;
/** More than PLUGINS_MAX plugins share the VM. */
export const REASON_PLUGINS = 11;
/** The score is not a number (a linear model with a missing input). */
export const REASON_NAN = 12;
/** The host refused to write the tag. */
export const REASON_WRITE = 13;
export const REASON_COUNT = 14;

export const ARM_FREE = 0;
export const ARM_ACTED = 1;
export const ARM_AUDIT = 2;
export const ARM_EXTRA = 3;
export const ARM_CANDIDATE = 4;
export const ARM_COUNT = 5;

export const MODE_OFF = 0;
export const MODE_SHADOW = 1;
export const MODE_TAG = 2;
