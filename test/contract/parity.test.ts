import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScorer } from "../../control/scorer.ts";
import { aModel, aRequest, someTable } from "../support/builders.ts";
import { decide, startFilter } from "../support/host-filter.ts";
import { HTTP_FEATURES } from "../support/http-features.ts";

const features = [
  ...HTTP_FEATURES,
  { name: "agent", of: "header:user-agent", is: "entropy" },
  { name: "cookie", of: "cookie:session", is: "longest-run" },
  { name: "count", of: "headers", is: "count" },
  { name: "bytes", of: "headers", is: "length" },
  { name: "hour", of: "clock", is: "hour" },
];
const slots = [0, 8, 26, 28].map((feature) => ({ feature, nan: "low" as const }));
const models = [
  aModel({
    slots,
    kernel: {
      kind: "trees",
      trees: slots.map((_, slot) => ({
        ...{ slot, threshold: 4.5 },
        ...{ left: { leaf: [-0.3] }, right: { leaf: [0.7 * slot] } },
      })),
      divisor: 1,
      accumulator: "f32",
    },
    ...{ output: "logistic", lo: -2, hi: 4 },
  }),
];
const table = someTable({
  ...{ features, models, token: true, audit: 0.3 },
  ignored: ["x-limen-*"],
});

const byteText = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const request = fc.record({
  method: fc.constantFrom("GET", "POST"),
  path: byteText.map((text) => `/${text}`),
  authority: fc.constantFrom("a.example", "b.example:80"),
  headers: fc.array(
    fc.tuple(
      fc.constantFrom("user-agent", "cookie", "accept", "content-length", "x-limen-bot"),
      fc.oneof(byteText, fc.constant("session=aaab; b=c"), fc.constant("42")),
    ),
    // The scorer takes headers as they stand; Envoy joins repeated ones of its own.
    { maxLength: 6 },
  ),
});

const bits = (values: ArrayLike<number>): string =>
  Buffer.from(Float32Array.from(values).buffer).toString("hex");

describe("what is trained on and what is served", () => {
  const { host, filter } = startFilter(table);
  const scorer = createScorer();
  scorer.load(table);

  it("is the same vector, bit by bit", () => {
    fc.assert(
      fc.property(request, (parts) => {
        const opened = aRequest(parts);
        const { record, stream } = decide(filter, opened);
        const headers = stream.headers().filter(([name]) => !/^:|^x-limen/.test(name));
        const scheme = [":scheme", "https"] as const;
        const served = { ...parts, headers: [scheme, ...headers], now: host.now() };
        expect(bits(scorer.features(served))).toBe(bits(record?.vector ?? []));
      }),
      { numRuns: 500 },
    );
  });

  it("is the same decision: bin, tag, arm and token, byte by byte", () => {
    fc.assert(
      fc.property(request, (parts) => {
        const { record, stream } = decide(filter, aRequest(parts));
        const headers = stream.headers().filter(([name]) => !/^:|^x-limen/.test(name));
        const { vm = 0n, seq = 0 } = record ?? {};
        const decided = scorer.decide(
          { ...parts, headers, now: host.now() },
          { vm, seq, now: host.now() },
        );
        const bytes = Buffer.from(decided.record ?? []).toString("hex");
        expect(bytes).toBe(stream.filterState.get("wasm.limen")?.toString("hex"));
        expect(decided.token).toBe(stream.header("x-limen-decision"));
      }),
      { numRuns: 300 },
    );
  });
});
