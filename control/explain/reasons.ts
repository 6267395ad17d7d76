import * as limit from "../../models/limits.ts";

/** What each reason means, in words; names as in the record (models/decision.ts). */
const TEXTS: Readonly<Record<string, string>> = {
  none: "a tag was written",
  "no-table": "the table holds no model: the base state, as after `limen off`",
  exempt: "a rule of `exempt` matches: not scored by design",
  off: "every model is off in this segment",
  shadow: "shadow mode: scored and recorded, never tagged",
  audit: "drawn for the audit or near the cut: no tag, whatever the score",
  "below-cut": "the bin is below the cut of its segment, or there is no cut",
  trusted: "an earlier hop wrote a tag already (trust: mesh)",
  oversize: `above ${limit.HEADER_PAIRS_MAX} headers or ${limit.HEADER_BYTES_MAX} bytes of them`,
  "no-headers": "the proxy gave no headers, or they do not parse",
  work: "the features would have taken more steps than a request may",
  plugins: "more plugins share the VM than it has slots for",
  nan: "the score is no number: a linear model with a missing input",
  write: "the proxy refused to write the tag",
};

export function explainReason(reason: string): string {
  return TEXTS[reason] ?? `a reason of another version: ${reason}`;
}
