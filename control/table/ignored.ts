/**
 * Headers that proxies add on the way: measures of the header block leave them out, so that a vector
 * is the same in front of and behind a proxy. A trailing `*` is a prefix.
 */
export const IGNORED_HEADERS: readonly string[] = [
  "x-request-id",
  "x-forwarded-*",
  "x-envoy-*",
  "x-limen-*",
  "x-real-ip",
  "forwarded",
  "traceparent",
  "tracestate",
  "x-b3-*",
];
