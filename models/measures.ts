// What a feature can read (sources) and compute (measures). models/README.md has the catalogue.

export const SOURCE_METHOD = 1;
/** :path up to the first '?'. */
export const SOURCE_PATH = 2;
/** :path after the first '?'; empty, not missing, without one. */
export const SOURCE_QUERY = 3;
/** The whole :path, as sent. */
export const SOURCE_TARGET = 4;
export const SOURCE_AUTHORITY = 5;
/** First value of a named header. */
export const SOURCE_HEADER = 6;
/** Value of a named cookie in the first cookie header that has it. */
export const SOURCE_COOKIE = 7;
/** Value of the first query parameter of that name, not decoded. */
export const SOURCE_PARAMETER = 8;
/** All headers but pseudo headers and the ignored list. */
export const SOURCE_HEADERS = 9;
export const SOURCE_CLOCK = 10;
/** Envoy property source.address: "ip:port". */
export const SOURCE_ADDRESS = 11;
/** Envoy property connection.mtls as the bytes "true" or "false". */
export const SOURCE_MTLS = 12;
export const SOURCE_LAST = 12;

/** 1 or 0, never missing. */
export const MEASURE_PRESENT = 1;
/** Occurrences: headers in the block, lines of a header, cookies or parameters of a name. */
export const MEASURE_COUNT = 2;
/** Bytes; of the header block: names and values. */
export const MEASURE_LENGTH = 3;
/** The value read as ASCII digits only, else missing. */
export const MEASURE_NUMBER = 4;
/** Bytes inside one byte class (argument 0), as a count. */
export const MEASURE_CLASS_COUNT = 5;
/** The same over the length of the value; 0 for an empty one. */
export const MEASURE_CLASS_RATIO = 6;
/** Matches of a pattern set (argument 0), left to right, not overlapping. */
export const MEASURE_MATCHES = 7;
/** Bits per byte; 0 for an empty value. */
export const MEASURE_ENTROPY = 8;
/** Longest run of one same byte. */
export const MEASURE_LONGEST_RUN = 9;
/** Longest stretch without a byte of the class in argument 0. */
export const MEASURE_LONGEST_TOKEN = 10;
/** Longest name of '&'-separated parameters. */
export const MEASURE_LONGEST_NAME = 11;
/** Bytes after the last '.' of the last '/'-segment; 0 without one. */
export const MEASURE_EXTENSION_LENGTH = 12;
/** Number of '/'. */
export const MEASURE_DEPTH = 13;
/** Non-empty '&'-separated parameters. */
export const MEASURE_PARAMETER_COUNT = 14;
/** 1 when a pattern of the set (argument 0) matches anywhere, else 0. */
export const MEASURE_CONTAINS = 15;
/** 1 when a pattern of the set (argument 0) matches the whole value, else 0. */
export const MEASURE_EQUALS = 16;
/** murmur3 (x86, 32 bit, seed 0) of the value, modulo argument 0 (a power of two). */
export const MEASURE_HASH = 17;
/** Sum of weights[murmur3(gram) mod argument 1] over all grams of argument 0 bytes. */
export const MEASURE_GRAMS = 18;
/** Clock only: hour of the day in UTC, 0 to below 24, with fractions. */
export const MEASURE_HOUR = 19;
/** Clock only: day of the week in UTC, Monday 0 to Sunday 6. */
export const MEASURE_WEEKDAY = 20;
export const MEASURE_LAST = 20;
