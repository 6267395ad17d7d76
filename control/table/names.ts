import {
  MEASURE_CLASS_COUNT,
  MEASURE_CLASS_RATIO,
  MEASURE_CONTAINS,
  MEASURE_COUNT,
  MEASURE_DEPTH,
  MEASURE_ENTROPY,
  MEASURE_EQUALS,
  MEASURE_EXTENSION_LENGTH,
  MEASURE_GRAMS,
  MEASURE_HASH,
  MEASURE_HOUR,
  MEASURE_LENGTH,
  MEASURE_LONGEST_NAME,
  MEASURE_LONGEST_RUN,
  MEASURE_LONGEST_TOKEN,
  MEASURE_MATCHES,
  MEASURE_NUMBER,
  MEASURE_PARAMETER_COUNT,
  MEASURE_PRESENT,
  MEASURE_WEEKDAY,
  SOURCE_ADDRESS,
  SOURCE_AUTHORITY,
  SOURCE_CLOCK,
  SOURCE_COOKIE,
  SOURCE_HEADER,
  SOURCE_HEADERS,
  SOURCE_METHOD,
  SOURCE_MTLS,
  SOURCE_PARAMETER,
  SOURCE_PATH,
  SOURCE_QUERY,
  SOURCE_TARGET,
} from "../../models/measures.ts";

/** Sources without a name of their own. */
export const PLAIN_SOURCES: Readonly<Record<string, number>> = {
  method: SOURCE_METHOD,
  path: SOURCE_PATH,
  query: SOURCE_QUERY,
  target: SOURCE_TARGET,
  authority: SOURCE_AUTHORITY,
  headers: SOURCE_HEADERS,
  clock: SOURCE_CLOCK,
  "source.address": SOURCE_ADDRESS,
  "connection.mtls": SOURCE_MTLS,
};

/** Sources written `KIND:NAME`. */
export const NAMED_SOURCES: Readonly<Record<string, number>> = {
  header: SOURCE_HEADER,
  cookie: SOURCE_COOKIE,
  parameter: SOURCE_PARAMETER,
};

/** What a measure takes beside `of`, `is` and `max`. */
export type FeatureField =
  | "any"
  | "fold"
  | "except"
  | "split"
  | "ratio"
  | "buckets"
  | "gram"
  | "weights";

export type Measure = {
  id: number;
  /** Under `ratio: true`. */
  ratioId?: number;
  takes: readonly FeatureField[];
  needs: readonly FeatureField[];
};

const plain = (id: number): Measure => ({ id, takes: [], needs: [] });
const classed = (takes: readonly FeatureField[], needs: readonly FeatureField[] = []): Measure => ({
  id: MEASURE_CLASS_COUNT,
  ratioId: MEASURE_CLASS_RATIO,
  takes: ["ratio", ...takes],
  needs,
});
const matching = (id: number): Measure => ({ id, takes: ["any", "fold"], needs: ["any"] });

/** The measures by the names of model.yaml; models/README.md is the catalogue for people. */
export const MEASURES: Readonly<Record<string, Measure>> = {
  present: plain(MEASURE_PRESENT),
  count: plain(MEASURE_COUNT),
  length: plain(MEASURE_LENGTH),
  number: plain(MEASURE_NUMBER),
  digits: classed([]),
  upper: classed([]),
  special: classed(["except"]),
  percent: classed([]),
  nonascii: classed([]),
  control: classed([]),
  bytes: classed(["any", "fold"], ["any"]),
  matches: matching(MEASURE_MATCHES),
  entropy: plain(MEASURE_ENTROPY),
  "longest-run": plain(MEASURE_LONGEST_RUN),
  "longest-token": { id: MEASURE_LONGEST_TOKEN, takes: ["split"], needs: ["split"] },
  "longest-segment": plain(MEASURE_LONGEST_TOKEN),
  "longest-name": plain(MEASURE_LONGEST_NAME),
  "extension-length": plain(MEASURE_EXTENSION_LENGTH),
  depth: plain(MEASURE_DEPTH),
  "parameter-count": plain(MEASURE_PARAMETER_COUNT),
  contains: matching(MEASURE_CONTAINS),
  equals: matching(MEASURE_EQUALS),
  hash: { id: MEASURE_HASH, takes: ["buckets"], needs: ["buckets"] },
  grams: { id: MEASURE_GRAMS, takes: ["gram", "weights"], needs: ["gram", "weights"] },
  hour: plain(MEASURE_HOUR),
  weekday: plain(MEASURE_WEEKDAY),
};

/** What can be measured on the clock, and on nothing else. */
export const CLOCK_MEASURES: readonly string[] = ["hour", "weekday"];
/** What can be measured on the block of all headers. */
export const BLOCK_MEASURES: readonly string[] = ["present", "count", "length"];
