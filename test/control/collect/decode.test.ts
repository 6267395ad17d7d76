import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AUTHORITY_BYTES_MAX,
  type Decoded,
  decodeEntry,
  OUTCOME_CHARS_MAX,
  PATH_BYTES_MAX,
  REJECTED_RECORD_BYTES_MAX,
  REQUEST_ID_BYTES_MAX,
} from "../../../control/collect/decode.ts";
import { StreamAccessLogsMessageSchema } from "../../../control/collect/proto/access-log_pb.ts";
import { type Decision, DecisionSchema } from "../../../control/events/decision_pb.ts";
import { RejectedSchema } from "../../../control/events/rejected_pb.ts";
import { aMessage, anEntry, bytesValue, filterState } from "../../support/envoy-messages.ts";
import { writeRecord } from "../../support/record.ts";

const SENDER = { node: "node-1", workload: "web" };
const asKey = (id: Uint8Array): Uint8Array => Uint8Array.from(id).reverse();

/** The entry's bytes inside a message that Envoy's own files wrote. */
function entryBytes(entry: object): Uint8Array {
  const message = fromBinary(StreamAccessLogsMessageSchema, aMessage([entry]));
  if (message.logEntries.case !== "httpLogs") throw new Error("no HTTP entries");
  return message.logEntries.value.logEntry[0] ?? new Uint8Array(0);
}
const decode = (entry: object): Decoded => decodeEntry(entryBytes(entry), SENDER, asKey);

function decisionOf(entry: object): Decision {
  const decoded = decode(entry);
  if (decoded.kind !== "decision") throw new Error(JSON.stringify(decoded));
  return fromBinary(DecisionSchema, decoded.event.value ?? new Uint8Array(0));
}
function rejectionOf(decoded: Decoded) {
  if (decoded.kind !== "rejected") throw new Error(`not rejected but ${decoded.kind}`);
  return fromBinary(RejectedSchema, decoded.event.value ?? new Uint8Array(0));
}

describe("decodeEntry, decisions", () => {
  it("takes each field from where Envoy puts it", () => {
    const decision = decisionOf(
      anEntry(
        7,
        {},
        { response_flags: { no_healthy_upstream: true, dns_resolution_failure: true } },
      ),
    );
    expect(decision).toMatchObject({
      node: "node-1",
      workload: "web",
      requestId: "id-7",
      responseCode: 200,
      responseFlags: 2 ** 1 + 2 ** 26,
      durationUs: 2_003_500n,
      upstreamCluster: "shop",
      routeName: "all",
      method: "GET",
      authority: "shop.example",
      path: "/a/b",
    });
  });

  it("keeps the record as the filter wrote it", () => {
    expect(Buffer.from(decisionOf(anEntry(7)).record)).toEqual(
      Buffer.from(writeRecord({ seq: 7 })),
    );
  });

  it("keys the event by the hash of the request id's bytes", () => {
    const decoded = decode(anEntry(7));
    expect(decoded).toMatchObject({
      event: { topic: "limen.decisions", key: asKey(Buffer.from("id-7")) },
    });
  });

  it("keeps the metadata of the namespace limen and no other", () => {
    const fields = { label: { stringValue: "fraud" } };
    const other = { fields: { token: { stringValue: "secret" } } };
    const filter_metadata = { limen: { fields }, "envoy.filters.http.jwt_authn": other };
    const { outcome } = decisionOf(anEntry(1, {}, { metadata: { filter_metadata } }));
    expect(outcome).toEqual({ label: "fraud" });
  });

  it("sets a flag for the details of an unauthorized answer", () => {
    const response_flags = { unauthorized_details: { reason: "EXTERNAL_SERVICE" } };
    expect(decisionOf(anEntry(1, {}, { response_flags })).responseFlags).toBe(2 ** 12);
  });

  it("gives 0 for an answer that never came", () => {
    const decision = decisionOf({ ...anEntry(1), response: {} });
    expect(decision.responseCode).toBe(0);
  });
});

describe("decodeEntry, privacy and caps", () => {
  it("stores no query, cookie, authorization, referer, user agent or address", () => {
    const bytes = entryBytes(
      anEntry(1, {
        path: "/a?q=SECRET#SECRET",
        user_agent: "SECRET",
        referer: "SECRET",
        forwarded_for: "SECRET",
        original_path: "SECRET",
        request_headers: { cookie: "SECRET", authorization: "SECRET" },
      }),
    );
    const decoded = decodeEntry(bytes, SENDER, asKey);
    if (decoded.kind === "unrecorded") throw new Error("no event");
    expect(Buffer.from(bytes).includes("SECRET")).toBe(true);
    expect(Buffer.from(decoded.event.value ?? []).includes("SECRET")).toBe(false);
  });

  it("stores nothing of the request when the record is refused", () => {
    const bad = { filter_state_objects: filterState(new Uint8Array(5)) };
    const decoded = decode(anEntry(1, { path: "/SECRET" }, bad));
    if (decoded.kind !== "rejected") throw new Error(decoded.kind);
    expect(Buffer.from(decoded.event.value ?? []).includes("SECRET")).toBe(false);
  });

  it.each([
    ["path", PATH_BYTES_MAX, "path"],
    ["authority", AUTHORITY_BYTES_MAX, "authority"],
    ["request_id", REQUEST_ID_BYTES_MAX, "requestId"],
  ] as const)("keeps %s of %s bytes whole and cuts one more", (field, max, name) => {
    const [whole, longer] = [max, max + 1].map((length) => "x".repeat(length));
    expect(decisionOf(anEntry(1, { [field]: whole }))[name]).toBe(whole);
    expect(decisionOf(anEntry(1, { [field]: longer }))[name]).toBe(whole);
  });

  it("hashes the whole request id, also where it is cut", () => {
    const id = "y".repeat(REQUEST_ID_BYTES_MAX + 50);
    const decoded = decode(anEntry(1, { request_id: id }));
    expect(decoded).toMatchObject({ event: { key: asKey(Buffer.from(id)) } });
  });

  it("keeps an outcome of the largest size and leaves out a larger one", () => {
    const outcomeOf = (length: number) => {
      const fields = { label: { stringValue: "x".repeat(length) } };
      return decisionOf(anEntry(1, {}, { metadata: { filter_metadata: { limen: { fields } } } }));
    };
    const around = '{"label":""}'.length;
    expect(outcomeOf(OUTCOME_CHARS_MAX - around).outcome).toBeDefined();
    expect(outcomeOf(OUTCOME_CHARS_MAX - around + 1).outcome).toBeUndefined();
  });
});

describe("decodeEntry, odd entries", () => {
  it("has no event for a request that no filter of ours saw", () => {
    expect(decode(anEntry(1, {}, { filter_state_objects: {} }))).toEqual({ kind: "unrecorded" });
  });

  it("rejects a record of another length with its reason and its bytes", () => {
    const record = new Uint8Array(41).fill(1, 0, 1);
    const rejected = rejectionOf(
      decode(anEntry(1, {}, { filter_state_objects: filterState(record) })),
    );
    expect(rejected).toMatchObject({ node: "node-1", reason: expect.stringMatching(/instead of/) });
    expect(Buffer.from(rejected.record)).toEqual(Buffer.from(record));
  });

  it.each([0, 1])("cuts a rejected record at its cap plus %s", (more) => {
    const record = new Uint8Array(REJECTED_RECORD_BYTES_MAX + more).fill(7);
    const state = { filter_state_objects: filterState(record) };
    expect(rejectionOf(decode(anEntry(1, {}, state))).record.length).toBe(
      REJECTED_RECORD_BYTES_MAX,
    );
  });

  it("rejects filter state of another type, naming it", () => {
    const filter_state_objects = {
      "wasm.limen": { type_url: "type.googleapis.com/other", value: bytesValue(writeRecord()) },
    };
    const rejected = rejectionOf(decode(anEntry(1, {}, { filter_state_objects })));
    expect(rejected.reason).toMatch(/googleapis.com\/other/);
  });

  it("keeps a decision whose texts are no UTF-8", () => {
    const bytes = Buffer.from(entryBytes(anEntry(1)));
    const odd = Buffer.from(bytes);
    for (const text of ["shop.example", "/a/b", "id-1"]) odd[odd.indexOf(text) + 1] = 0xff;
    expect(decodeEntry(odd, SENDER, asKey).kind).toBe("decision");
  });

  it("keeps a decision whose metadata does not read", () => {
    const fields = { label: { stringValue: "fraud" } };
    const metadata = { filter_metadata: { limen: { fields } } };
    const odd = Buffer.from(entryBytes(anEntry(1, {}, { metadata })));
    odd[odd.indexOf("fraud")] = 0xff;
    expect(decodeEntry(odd, SENDER, asKey).kind).toBe("decision");
  });

  it("gives one of the three for any bytes, and for any byte of a good entry changed", () => {
    const good = entryBytes(anEntry(1));
    const at = fc.nat(good.length - 1);
    const changed = fc
      .tuple(at, fc.nat(255))
      .map(([index, byte]) => good.map((value, place) => (place === index ? byte : value)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), changed), (bytes) => {
        const { kind } = decodeEntry(bytes, SENDER, asKey);
        expect(["decision", "rejected", "unrecorded"]).toContain(kind);
      }),
      { numRuns: 500 },
    );
  });
});

describe("limen.v1.Decision", () => {
  it("keeps fields of a later version through a read and a write", () => {
    const known = toBinary(DecisionSchema, create(DecisionSchema, { node: "n" }));
    // Field 100, two bytes: a field no version has yet.
    const later = Uint8Array.from([...known, 0xa2, 0x06, 0x02, 0x41, 0x42]);
    const again = toBinary(DecisionSchema, fromBinary(DecisionSchema, later));
    expect(again).toEqual(later);
    expect(toJson(DecisionSchema, fromBinary(DecisionSchema, again))).toEqual({ node: "n" });
  });
});
