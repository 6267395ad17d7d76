import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Feature } from "../../control/table/table.ts";
import { REASON_COUNT, REASON_OVERSIZE, STATUS_UNSCORED } from "../../models/decision.ts";
import { aRequest, someTable } from "../support/builders.ts";
import { decide, decideRecorded, startFilter } from "../support/host-filter.ts";
import { HTTP_FEATURES } from "../support/http-features.ts";
import type { Header } from "../support/proxy-wasm/header-map.ts";

/** Reads every kind of source with every family of measure. */
const FEATURES: Feature[] = [
  { name: "score", of: "header:x-score", is: "number" },
  ...HTTP_FEATURES,
  { name: "cookie", of: "cookie:a", is: "entropy" },
  { name: "parameter", of: "parameter:a", is: "longest-run" },
  { name: "hash", of: "header:x", is: "hash", buckets: 16 },
  { name: "grams", of: "target", is: "grams", gram: 3, weights: new Float32Array(16).fill(1) },
  { name: "count", of: "headers", is: "count" },
  { name: "bytes", of: "headers", is: "length" },
  { name: "hour", of: "clock", is: "hour" },
];
const { filter } = startFilter(someTable({ features: FEATURES, token: true }));

/** Served without a trap, with a known status and reason. */
function expectStatus(headers: readonly Header[]): void {
  const { stream, record } = decide(filter, { headers });
  expect([stream.outcome, filter.vm().trap]).toEqual(["served", null]);
  expect(record?.status).toBeLessThanOrEqual(STATUS_UNSCORED);
  expect(record?.reason).toBeLessThan(REASON_COUNT);
}

const many = (count: number, value: string): Header[] =>
  Array.from({ length: count }, (_, index) => [`h-${index}`, value]);
const pseudo = aRequest({ score: 4000 }).headers;

describe("an odd request", () => {
  const byteText = fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => Buffer.from(bytes).toString("latin1"));
  const name = fc.oneof(
    byteText,
    fc.constantFrom(":path", ":method", "cookie", "x", "x-score", "x-limen-bot", "", "x_limen-"),
  );

  it("of random bytes in names and values has a status", () => {
    fc.assert(fc.property(fc.array(fc.tuple(name, byteText), { maxLength: 40 }), expectStatus), {
      numRuns: 3000,
    });
  });

  it.each([
    ["no header at all", []],
    ["empty names", [["", ""], ["", "x"], ...pseudo]],
    [
      "empty values",
      [
        [":path", ""],
        [":method", ""],
        ["cookie", ""],
        ["x-score", ""],
      ],
    ],
    ["repeated headers", Array.from({ length: 500 }, () => ["x-score", "1"] as const)],
    [
      "invalid UTF-8",
      [
        [":path", "/\xC3\x28\xFF\xFE\x80"],
        ["x", "\xED\xA0\x80"],
      ],
    ],
    [
      "NUL bytes",
      [
        [":path", "/\0\0"],
        ["a\0b", "\0"],
      ],
    ],
    ["1,000 headers", [...pseudo, ...many(1000, "value")]],
    ["a value of 64 KiB", [...pseudo, ["x", "\xFF".repeat(65536)]]],
    ["a path of 64 KiB", [[":path", `/${"a=&?%2e".repeat(8192)}`]]],
    ["16 values of 60 KiB", [...pseudo, ...many(16, "v".repeat(60 * 1024))]],
    ["a cookie of 60 KiB", [...pseudo, ["cookie", "a=b; ".repeat(12288)]]],
  ] as [string, Header[]][])("with %s has a status", (_, headers) => {
    expectStatus(headers);
  });
});

describe("a request above the caps", () => {
  it("is scored with 1,024 pairs and unscored with 1,025", () => {
    const reasons = [1024, 1025].map((count) => {
      const headers = [...pseudo, ...many(count - pseudo.length, "v")];
      return decideRecorded(filter, { headers }).reason;
    });
    expect(reasons[0]).not.toBe(REASON_OVERSIZE);
    expect(reasons[1]).toBe(REASON_OVERSIZE);
  });

  it("is unscored above 1 MiB of pairs", () => {
    const headers = [...pseudo, ...many(20, "v".repeat(60 * 1024))];
    expect(decideRecorded(filter, { headers })).toMatchObject({
      status: STATUS_UNSCORED,
      reason: REASON_OVERSIZE,
    });
  });

  it("carries no forged tag of the table", () => {
    const headers: Header[] = [...pseudo, ...many(2000, "v"), ["x-limen-bot", "forged"]];
    expect(decide(filter, { headers }).stream.header("x-limen-bot")).toBeUndefined();
  });

  it("keeps all its other headers", () => {
    const headers: Header[] = [...pseudo, ...many(2000, "v"), ["x-limen-bot", "forged"]];
    const left = decide(filter, { headers }).stream.headers();
    expect(left.filter(([name]) => name.startsWith("h-"))).toHaveLength(2000);
  });
});
