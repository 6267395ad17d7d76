/** What of a decision's own outcome a rule looks at. */
export type Outcome = {
  /** 0 without a response. */
  code: number;
  /** Bit n - 1 is field n of envoy.data.accesslog.v3.ResponseFlags. */
  flags: number;
  /** What the label header said; undefined without one. */
  header: string | undefined;
};

/** One entry of `labels:` in limen.yaml. */
export type LabelSource = {
  name: string;
  from: "response" | "http" | "status" | "flag";
  /** Response header that carries the label. */
  header: string | null;
  /** Positive: response codes in one of [first, last], or any of these flags. */
  codes: readonly (readonly [number, number])[];
  flags: number;
  /** What silence within W means: a negative, or nothing. */
  negatives: "absence" | "explicit";
  /** A tag changes what is labelled, so labels of `acted` requests do not count. */
  affectedByTag: boolean;
  windowMs: number;
  /** Longest silence of a source whose absence means something; null: not asked for. */
  heartbeatMs: number | null;
  /** Least labels a millisecond; null: not asked for. */
  minPerMs: number | null;
};

export type LabelSettings = {
  sources: readonly LabelSource[];
  /** W: the largest window of the sources. */
  windowMs: number;
};

const COHORTS = 24;
const COHORT_MIN_MS = 1_000;

/** Length of a cohort: W / 24, at least 1 s, whole slices. */
export function cohortLength(windowMs: number, sliceMs: number): number {
  return Math.ceil(Math.max(COHORT_MIN_MS, windowMs / COHORTS) / sliceMs) * sliceMs;
}

const POSITIVE = ["1", "true", "positive"];
const NEGATIVE = ["0", "false", "negative"];

/** 2 positive, 1 negative; null when the text is no label. */
export function readLabelText(text: string): 1 | 2 | null {
  const plain = text.trim().toLowerCase();
  if (POSITIVE.includes(plain)) return 2;
  return NEGATIVE.includes(plain) ? 1 : null;
}

function matches(source: LabelSource, { code, flags }: Outcome): boolean {
  if (source.from === "flag") return (flags & source.flags) !== 0;
  return source.codes.some(([first, last]) => code >= first && code <= last);
}

/**
 * What a source reads off the decision itself: 2 positive, 1 negative, 0 nothing; null when its
 * header holds no label. Status and flag speak of every decision, so with `explicit` all that is
 * not positive is negative.
 */
export function readOutcomeLabel(source: LabelSource, outcome: Outcome): 0 | 1 | 2 | null {
  if (source.from === "http") return 0;
  if (source.from === "response") {
    return outcome.header === undefined ? 0 : readLabelText(outcome.header);
  }
  if (matches(source, outcome)) return 2;
  return source.negatives === "explicit" ? 1 : 0;
}

/** Silence of these sources has to be earned: by a heartbeat or a rate. */
export const isWatched = (source: LabelSource): boolean =>
  source.negatives === "absence" && (source.from === "http" || source.from === "response");
