import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Feature } from "../../control/table/table.ts";
import { aRequest, type RequestParts, someTable } from "../support/builders.ts";
import { startFilter, vectorOf } from "../support/host-filter.ts";
import type { Filter } from "../support/proxy-wasm/host.ts";
import {
  countOf,
  entropyOf,
  extensionLength,
  gramSum,
  longestName,
  longestOf,
  longestRun,
  matchesOf,
  murmur3,
  parameterCount,
} from "./dull-measures.ts";

// The bytes measures look for are common, so that they meet; any byte can come.
const byte = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."&=/.-%2eEaA0 \x00\x80\xFF") },
  { weight: 1, arbitrary: fc.nat(255).map((code) => String.fromCharCode(code)) },
);
const value = fc.array(byte, { maxLength: 80 }).map((bytes) => bytes.join(""));

const WEIGHTS = Float32Array.from({ length: 64 }, (_, index) => index - 20);
type Case = { feature: Omit<Feature, "name" | "of">; dull: (text: string) => number };
const share = (count: number, text: string): number => (text === "" ? 0 : count / text.length);

const CASES: Readonly<Record<string, Case>> = {
  present: { feature: { is: "present" }, dull: () => 1 },
  count: { feature: { is: "count" }, dull: () => 1 },
  length: { feature: { is: "length" }, dull: (text) => text.length },
  digits: { feature: { is: "digits" }, dull: (text) => countOf(text, /[0-9]/) },
  "digits, ratio": {
    feature: { is: "digits", ratio: true },
    dull: (text) => share(countOf(text, /[0-9]/), text),
  },
  upper: { feature: { is: "upper" }, dull: (text) => countOf(text, /[A-Z]/) },
  special: {
    feature: { is: "special", except: "/.-" },
    dull: (text) => countOf(text, /[^A-Za-z0-9/.-]/),
  },
  percent: { feature: { is: "percent" }, dull: (text) => countOf(text, /%/) },
  nonascii: { feature: { is: "nonascii" }, dull: (text) => countOf(text, /[\x80-\xff]/) },
  control: {
    feature: { is: "control" },
    dull: (text) => [...text].filter((at) => at < " " || at === "\x7f").length,
  },
  bytes: {
    feature: { is: "bytes", any: ["a", "[0-4]"], fold: true },
    dull: (text) => countOf(text, /[aA0-4]/),
  },
  matches: {
    feature: { is: "matches", any: ["..", "%2e%2e", ".%2e", "%2e."], fold: true },
    dull: (text) => matchesOf(text, /\.\.|%2e%2e|\.%2e|%2e\./i),
  },
  "matches, overlapping": {
    feature: { is: "matches", any: ["aa", "a", "aaa"] },
    dull: (text) => matchesOf(text, /aa|a|aaa/),
  },
  entropy: { feature: { is: "entropy" }, dull: entropyOf },
  "longest-run": { feature: { is: "longest-run" }, dull: longestRun },
  "longest-token": {
    feature: { is: "longest-token", split: "&=" },
    dull: (text) => longestOf(text.split(/[&=]/)),
  },
  "longest-segment": {
    feature: { is: "longest-segment" },
    dull: (text) => longestOf(text.split("/")),
  },
  "longest-name": { feature: { is: "longest-name" }, dull: longestName },
  "extension-length": { feature: { is: "extension-length" }, dull: extensionLength },
  depth: { feature: { is: "depth" }, dull: (text) => countOf(text, /\//) },
  "parameter-count": { feature: { is: "parameter-count" }, dull: parameterCount },
  contains: {
    feature: { is: "contains", any: ["a/", "\\x80[^a]"] },
    dull: (text) => (/a\/|\x80[^a]/s.test(text) ? 1 : 0),
  },
  equals: {
    feature: { is: "equals", any: ["a", "[a-z]0", "\\xff"] },
    dull: (text) => (/^(?:a|[a-z]0|\xff)$/.test(text) && !text.endsWith("\n") ? 1 : 0),
  },
  hash: { feature: { is: "hash", buckets: 1024 }, dull: (text) => murmur3(text) & 1023 },
  grams: {
    feature: { is: "grams", gram: 3, weights: WEIGHTS },
    dull: (text) => gramSum(text, 3, WEIGHTS),
  },
};

function startWith(features: readonly Omit<Feature, "name">[]): Filter {
  const named = features.map((feature, index) => ({ name: `f${index}`, ...feature }));
  const base = { name: "score", of: "header:x-score", is: "number" };
  return startFilter(someTable({ features: [base, ...named] })).filter;
}

/** The vector of the features alone. */
const measure = (filter: Filter, parts: RequestParts): number[] =>
  vectorOf(filter, aRequest({ score: 1, ...parts })).slice(1);

const header = (text: string): RequestParts => ({ headers: [["x-value", text]] });

describe("a measure", () => {
  const names = Object.keys(CASES);
  const cases = Object.values(CASES);
  const filter = startWith(cases.map(({ feature }) => ({ of: "header:x-value", ...feature })));

  it.each(names)("%s equals its dull version over any bytes", (name) => {
    const at = names.indexOf(name);
    fc.assert(
      fc.property(value, (text) => {
        const expected = Math.fround(cases[at]?.dull(text) ?? 0);
        // Entropy: the last bit of a sum of logarithms depends on its order.
        const tolerance = name === "entropy" ? 4e-7 : 0;
        const seen = measure(filter, header(text))[at] ?? Number.NaN;
        expect(Math.abs(seen - expected)).toBeLessThanOrEqual(tolerance);
      }),
      { numRuns: 300 },
    );
  });

  it("is missing when its source is, but present and count are 0", () => {
    const seen = measure(filter, {});
    const zero = ["present", "count"];
    expect(seen).toEqual(names.map((name) => (zero.includes(name) ? 0 : Number.NaN)));
  });

  it.each([0, 1, 3])("counts %i lines of a header", (count) => {
    const lines = startWith([{ of: "header:x-value", is: "count" }]);
    const headers = Array.from({ length: count }, () => ["x-value", "a"] as const);
    expect(measure(lines, { headers })).toEqual([count]);
  });

  it("looks at no more bytes than asked for", () => {
    const limited = startWith([
      { of: "header:x-value", is: "digits", max: 4 },
      { of: "header:x-value", is: "matches", any: ["11"], max: 3 },
    ]);
    expect(measure(limited, header("11111"))).toEqual([4, 1]);
  });

  it("looks at 8,192 bytes when nothing is asked for", () => {
    const limited = startWith([{ of: "header:x-value", is: "digits" }]);
    expect(
      [8191, 8192, 8193].map((count) => measure(limited, header("1".repeat(count)))[0]),
    ).toEqual([8191, 8192, 8192]);
  });
});

describe("number", () => {
  const filter = startWith([{ of: "header:x-value", is: "number" }]);

  it.each([
    ["0", 0],
    ["007", 7],
    ["65536", 65536],
    ["16777217", Math.fround(16777217)],
    ["999999999999999", Math.fround(999999999999999)],
  ])("reads %s as %f", (text, number) => {
    expect(measure(filter, header(text))).toEqual([number]);
  });

  it.each(["", "-1", "+1", "1.5", "1e3", " 1", "1 ", "0x1", "\xB2", "a"])(
    "reads %j as missing",
    (text) => {
      expect(measure(filter, header(text))).toEqual([Number.NaN]);
    },
  );

  it("never becomes NaN for many digits", () => {
    expect(measure(filter, header("9".repeat(8000)))[0]).toBeGreaterThan(1e30);
  });
});

describe("a source", () => {
  const lengthOf = (of: string, parts: RequestParts): number | undefined =>
    measure(startWith([{ of, is: "length" }]), parts)[0];

  it.each([
    ["method", { method: "OPTIONS" }, 7],
    ["path", { path: "/abc?d=e?f" }, 4],
    ["query", { path: "/abc?d=e?f" }, 5],
    ["query", { path: "/abc" }, 0],
    ["query", { path: "/abc?" }, 0],
    ["target", { path: "/abc?d=e" }, 8],
    ["authority", { authority: "a.example:80" }, 12],
    [
      "header:x-a",
      {
        headers: [
          ["x-a", "first"],
          ["x-a", "2"],
        ],
      },
      5,
    ],
    ["cookie:b", { headers: [["cookie", "a=1; b=four; c=2"]] }, 4],
    [
      "cookie:b",
      {
        headers: [
          ["cookie", "a=1"],
          ["cookie", "b=22; b=1"],
        ],
      },
      2,
    ],
    ["cookie:b", { headers: [["cookie", "bb=1; xb=2; c"]] }, Number.NaN],
    ["cookie:b", { headers: [["cookie", "b="]] }, 0],
    ["parameter:q", { path: "/?a=1&q=%41b&q=2" }, 4],
    ["parameter:q", { path: "/?qq=1&xq=2" }, Number.NaN],
    ["parameter:q", { path: "/?q=" }, 0],
    ["parameter:q", { path: "/" }, Number.NaN],
    ["source.address", { properties: { "source.address": "10.0.0.1:1234" } }, 13],
    ["source.address", {}, Number.NaN],
    ["connection.mtls", { properties: { "connection.mtls": Buffer.from([1]) } }, 4],
    ["connection.mtls", { properties: { "connection.mtls": Buffer.from([0]) } }, 5],
  ] as [string, RequestParts, number][])("%s of %j is %f bytes long", (of, parts, length) => {
    expect(lengthOf(of, parts)).toBe(length);
  });

  it("headers counts all but pseudo and ignored ones, with the bytes of both sides", () => {
    const features = [
      { name: "score", of: "path", is: "length" },
      { name: "count", of: "headers", is: "count" },
      { name: "bytes", of: "headers", is: "length" },
    ];
    const ignored = ["x-request-id", "x-forwarded-*"];
    const { filter } = startFilter(someTable({ features, ignored }));
    const headers = [
      ["accept", "*/*"],
      ["x-request-id", "1"],
      ["x-forwarded-proto", "https"],
      ["x-forward", "1"],
    ] as const;
    expect(vectorOf(filter, aRequest({ headers })).slice(1)).toEqual([2, 9 + 10]);
  });

  it.each([
    ["1970-01-01T06:00:00Z", 6, 3],
    ["2026-11-21T13:30:00Z", 13.5, 5],
    ["2026-11-22T23:59:59.000Z", 86399 / 3600, 6],
    ["2026-11-23T00:00:00Z", 0, 0],
  ])("clock at %s is hour %f of weekday %i", (time, hour, weekday) => {
    const filter = startFilter(
      someTable({
        features: [
          { name: "score", of: "path", is: "length" },
          { name: "hour", of: "clock", is: "hour" },
          { name: "weekday", of: "clock", is: "weekday" },
        ],
      }),
      { now: BigInt(Date.parse(time)) * 1_000_000n },
    ).filter;
    expect(vectorOf(filter, aRequest()).slice(1)).toEqual([Math.fround(hour), weekday]);
  });
});

describe("hour", () => {
  it("stays below 24 to the last nanosecond of a day", () => {
    const features = [{ name: "hour", of: "clock", is: "hour" }];
    const now = BigInt(Date.parse("2026-11-23T00:00:00Z")) * 1_000_000n - 1n;
    const [hour] = vectorOf(startFilter(someTable({ features }), { now }).filter, aRequest());
    expect(hour).toBeLessThan(24);
    expect(hour).toBeGreaterThan(23.99999);
  });
});

describe("murmur3", () => {
  // Published vectors of MurmurHash3_x86_32 with seed 0.
  it.each([
    ["", 0],
    ["\0\0\0\0", 0x2362f9de],
    ["\xFF\xFF\xFF\xFF", 0x76293b50],
    ["!Ce\x87", 0xf55b516b],
    ["!Ce", 0x7e4a8634],
    ["!C", 0xa0f7b07a],
    ["!", 0x72661cf4],
    ["hello", 0x248bfa47],
    ["The quick brown fox jumps over the lazy dog", 0x2e4ff723],
  ])("of %j is the published vector", (text, hash) => {
    expect(murmur3(text)).toBe(hash);
    const filter = startWith([{ of: "header:x-value", is: "hash", buckets: 16384 }]);
    expect(measure(filter, header(text))).toEqual([hash & 16383]);
  });
});
