// What requests through the proxy show. An application that answers with the headers it got shows
// the most; of any other only the service's record tells.
import type { TagRoute } from "./dump.ts";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";

/** What the service says of a request, as far as a probe asks. */
export type ProbeRecord = {
  status: string;
  reason: string;
  upstream: string;
  /** Tags written, as header and value. */
  tags: readonly { header: string; value: string }[];
};

export type ProbeAnswer = {
  /** Null when nothing was answered; then `body` says why. */
  code: number | null;
  body: string;
  /** Sent as a header value; an answer that holds it shows headers. */
  marker: string;
  record: ProbeRecord | null;
};

export type ProbeResult = {
  url: string;
  /** The same request several times: some are left untagged for the audit. */
  plain: readonly ProbeAnswer[];
  /** With headers only Limen may write, with the marker as value. */
  forged: ProbeAnswer & { values: readonly string[] };
  /** Whether a service was asked for records. */
  hasService: boolean;
};

const showsHeaders = ({ body, marker }: ProbeAnswer): boolean => body.includes(marker);
const BLIND =
  "the application does not answer with the headers it got; point --probe at one that does, as limen run --envoy has";

/** Tags an answer shows, in whatever form it shows headers. */
export function findTags(body: string): { header: string; value: string }[] {
  const pattern = /(x[-_]limen[-_][a-z0-9_-]+)["']?\s*[:=]\s*["']?([^"',\r\n}]*)/gi;
  // An answer may show a header twice, as a tag and among all headers.
  const shown = [...body.matchAll(pattern)].map(
    ([, header = "", value = ""]) => `${header.toLowerCase()}: ${value.trim()}`,
  );
  return [...new Set(shown)]
    .map((text) => text.split(": "))
    .map(([header = "", ...rest]) => ({ header, value: rest.join(": ") }))
    .filter(({ header }) => header !== "x-limen-decision");
}

/** The request id an answer shows; proxies at the edge replace the one they get. */
export const findRequestId = (body: string): string | null =>
  /x-request-id["']?\s*[:=]\s*["']?([0-9a-f-]{36})/i.exec(body)?.[1] ?? null;

function judgeAnswer({ url, plain }: ProbeResult): Finding {
  const check = "answer";
  const [first] = plain;
  if (!first || first.code === null) {
    const seen = `${url} does not answer: ${first?.body ?? "not asked"}`;
    return fail(check, seen, "name the proxy's own listener by --probe");
  }
  if (first.code >= 500) {
    const seen = `${url} answers ${first.code}`;
    return fail(check, seen, "see the checks default and alive, and whether the application is up");
  }
  return ok(check, `${url} answers ${first.code}`);
}

function judgeRecord({ plain, hasService }: ProbeResult): Finding {
  const check = "record";
  if (!hasService) return skip(check, "no service was asked", "name it by --server");
  const [first] = plain;
  const records = plain.filter(({ record }) => record !== null);
  if (records.length > 0) {
    return ok(check, `${records.length} of ${plain.length} requests are recorded`);
  }
  const seen = `none of ${plain.length} requests is recorded`;
  if (first && !showsHeaders(first)) {
    return warn(check, `${seen} under the id it was sent with`, `a proxy may replace it; ${BLIND}`);
  }
  return fail(check, seen, "see access-log, the address of its cluster, and the check dropped");
}

/** One that was tagged, else the first. */
const pick = ({ plain }: ProbeResult): ProbeAnswer | undefined =>
  plain.find(({ record }) => (record?.tags.length ?? 0) > 0) ??
  plain.find((each) => findTags(each.body).length > 0) ??
  plain[0];

const write = (tags: readonly { header: string; value: string }[]): string =>
  tags.map(({ header, value }) => `${header}: ${value}`).join(", ");

function judgeTag(result: ProbeResult): Finding {
  const check = "tag";
  const chosen = pick(result);
  if (!chosen || chosen.code === null) return skip(check, "see answer", "");
  const recorded = chosen.record?.tags ?? [];
  const shown = findTags(chosen.body);
  if (!showsHeaders(chosen)) {
    const seen = recorded.length > 0 ? `recorded ${write(recorded)}; ` : "";
    return skip(check, `${seen}whether it reached the application cannot be seen`, BLIND);
  }
  const lost = recorded.filter(
    ({ header, value }) => !shown.some((each) => each.header === header && each.value === value),
  );
  if (lost.length > 0) {
    const seen = `recorded ${write(lost)}, and the application did not get it`;
    return fail(check, seen, "does something behind the filter remove it?");
  }
  if (shown.length > 0) return ok(check, `the application got ${write(shown)}`);
  const why = chosen.record ? ` (${chosen.record.status}, ${chosen.record.reason})` : "";
  const todo =
    "make it a request that is tagged by -H, or set the mode to tag; limen explain says what a request gets";
  return skip(check, `the probe is not tagged${why}, so nothing shows that a tag arrives`, todo);
}

function judgeRoute(result: ProbeResult, routes: readonly TagRoute[]): Finding {
  const check = "route";
  const chosen = pick(result);
  const tags = chosen?.record?.tags ?? [];
  if (!chosen?.record || tags.length === 0) {
    return skip(check, "no tagged probe is recorded", "see record and tag");
  }
  const wanted = routes.filter(({ header, value }) =>
    tags.some((tag) => tag.header === header && (value === "" || value === tag.value)),
  );
  if (wanted.length === 0) {
    return warn(
      check,
      `no route asks for ${write(tags)}`,
      "the tag is advice to applications only",
    );
  }
  const clusters = wanted.flatMap((each) => each.clusters);
  const { upstream } = chosen.record;
  if (clusters.includes(upstream)) return ok(check, `${write(tags)} went to ${upstream}`);
  const seen = `${write(tags)} went to ${upstream || "nowhere"}, not to ${clusters.join(" or ")}`;
  const todo =
    "is the route in front of the others, and does nothing behind Limen keep the old one?";
  return fail(check, seen, todo);
}

function judgeForgery({ forged }: ProbeResult): Finding {
  const check = "forgery";
  if (forged.code === null) return skip(check, "see answer", "");
  if (!showsHeaders(forged)) return skip(check, "cannot be seen", `${BLIND}; else see forged`);
  const through = forged.values.filter((value) => forged.body.includes(value));
  if (through.length === 0)
    return ok(check, "forged x-limen-* headers do not reach the application");
  const seen = `${through.length} of ${forged.values.length} forged x-limen-* headers reach the application`;
  return fail(check, seen, "see the checks filter and forged; with trust: mesh it is meant");
}

/** Findings of a probe; `routes` are those of the dump, null without one. */
export function judgeProbe(result: ProbeResult, routes: readonly TagRoute[] | null): Finding[] {
  return [
    judgeAnswer(result),
    judgeRecord(result),
    judgeTag(result),
    routes === null
      ? skip("route", "the routes of the proxy are not known", "give --admin or --config-dump")
      : judgeRoute(result, routes),
    judgeForgery(result),
  ];
}
