import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEntry, decodeEntryPlainly } from "../../../control/collect/decode.ts";
import { StreamAccessLogsMessageSchema } from "../../../control/collect/proto/access-log_pb.ts";
import { isRecord, readRecord } from "../../../control/collect/record.ts";
import { aMessage, anEntry } from "../../support/envoy-messages.ts";
import { writeRecord } from "../../support/record.ts";

const SENDER = { node: "node-1", workload: "web" };
const asKey = (id: Uint8Array): Uint8Array => Uint8Array.from(id).reverse();

function entryBytes(entry: object): Uint8Array {
  const message = fromBinary(StreamAccessLogsMessageSchema, aMessage([entry]));
  if (message.logEntries.case !== "httpLogs") throw new Error("no HTTP entries");
  return message.logEntries.value.logEntry[0] ?? new Uint8Array(0);
}

const expectAlike = (bytes: Uint8Array): void => {
  expect(decodeEntry(bytes, SENDER, asKey)).toEqual(decodeEntryPlainly(bytes, SENDER, asKey));
};

const text = (most: number) =>
  fc.oneof(
    fc.string({ maxLength: most }),
    fc.string({ unit: "binary", maxLength: most }),
    fc.string({ minLength: most, maxLength: most + 2 }),
  );
const request = fc.record({
  request_method: fc.integer({ min: 0, max: 12 }),
  authority: text(256),
  path: text(512),
  request_id: text(256),
});
const common = fc.record(
  {
    upstream_cluster: text(100),
    route_name: text(100),
    duration: fc.record({
      seconds: fc.integer({ min: -2, max: 3_000_000_000 }),
      nanos: fc.integer({ min: -5, max: 999_999_999 }),
    }),
    response_flags: fc.record({ no_healthy_upstream: fc.boolean(), rate_limited: fc.boolean() }),
    metadata: fc.constantFrom({}, { filter_metadata: { limen: { fields: { a: {} } } } }),
    sample_rate: fc.double({ noNaN: true }),
    connection_termination_details: fc.string(),
  },
  { requiredKeys: [] },
);

describe("decodeEntry", () => {
  it("gives what the plain reader and writer give, whatever the request says", () => {
    fc.assert(
      fc.property(fc.nat(), request, common, (seq, asked, shared) => {
        expectAlike(entryBytes(anEntry(seq, asked, shared)));
      }),
      { numRuns: 500 },
    );
  });

  it("gives what the plain reader gives when bytes are changed or cut off", () => {
    const flags = { response_flags: { rate_limited: true } };
    const whole = entryBytes(anEntry(3, {}, flags));
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(changes, fc.integer({ min: 0, max: whole.length }), (changed, length) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changed) bytes[at] = byte;
        expectAlike(bytes.subarray(0, length));
        expectAlike(bytes);
      }),
      { numRuns: 3_000 },
    );
  });

  it("gives what the plain reader gives when response flags end in the middle of a number", () => {
    const whole = entryBytes(anEntry(3, {}, { response_flags: { rate_limited: true } }));
    // Field 16 of the common properties, two bytes long: flag 12, set.
    const at = Buffer.from(whole).indexOf(Buffer.from([0x82, 0x01, 0x02]));
    expect(at).toBeGreaterThan(0);
    const bytes = Uint8Array.from(whole);
    bytes[at + 4] = 0x81;
    expectAlike(bytes);
    expect(decodeEntry(bytes, SENDER, asKey).kind).toBe("rejected");
  });

  it("gives what the plain reader gives when fields come twice", () => {
    const [first, second] = [entryBytes(anEntry(1)), entryBytes(anEntry(2, { path: "/c" }))];
    expectAlike(Buffer.concat([first, second]));
  });
});

describe("isRecord", () => {
  it("says yes exactly when readRecord reads it", () => {
    const whole = writeRecord({ models: [{}, { bin: 65_535 }], vector: [1, 2] });
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(change, fc.integer({ min: 0, max: whole.length }), ([at, byte], length) => {
        for (const end of [length, whole.length]) {
          const bytes = Uint8Array.from(whole).subarray(0, end);
          if (at < end) bytes[at] = byte;
          let isRead = true;
          try {
            readRecord(bytes);
          } catch {
            isRead = false;
          }
          expect(isRecord(bytes)).toBe(isRead);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
