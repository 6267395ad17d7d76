import { describe, expect, it } from "vitest";
import { modelDigest } from "../../control/table/encode.ts";
import * as layout from "../../models/record-layout.ts";
import { A_TOKEN_KEY, aModel, aRequest, aTable, someTable } from "../support/builders.ts";
import { decide, startFilter } from "../support/host-filter.ts";
import { sipHash } from "../support/host-siphash.ts";

const ID = "7f3c0f9e-1111-4222-8333-444455556666";
const request = aRequest({ score: 3000, headers: [["x-request-id", ID]] });

function decideWithToken(models = [aModel()]) {
  const { filter } = startFilter(someTable({ token: true, models }));
  const { stream, record } = decide(filter, request);
  const text = stream.header("x-limen-decision") ?? "";
  return { text, bytes: Buffer.from(text, "base64url"), record };
}

describe("sipHash", () => {
  // First entries and entry 15 of the reference vectors: key 00..0f, message 00, 01, ..
  it.each([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [15, 0xa129ca6149be45e5n],
  ])("of a message of %i bytes is the published vector", (length, hash) => {
    const message = Uint8Array.from({ length }, (_, index) => index);
    expect(sipHash(A_TOKEN_KEY, message)).toBe(hash);
  });
});

describe("the token", () => {
  it("is base64url without padding", () => {
    expect(decideWithToken().text).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it("has 40 bytes, 16 a model and the MAC", () => {
    expect(decideWithToken().bytes.length).toBe(
      layout.TOKEN_HEAD + layout.TOKEN_MODEL_SIZE + layout.TOKEN_MAC_SIZE,
    );
  });

  it("ends in SipHash-2-4 of all before under the key of the table", () => {
    const { bytes } = decideWithToken();
    const end = bytes.length - layout.TOKEN_MAC_SIZE;
    expect(bytes.readBigUInt64LE(end)).toBe(sipHash(A_TOKEN_KEY, bytes.subarray(0, end)));
  });

  it("names the record: vm, seq, time and table digest", () => {
    const { bytes, record } = decideWithToken();
    expect([
      bytes.readUInt32LE(layout.TOKEN_SEQ_AT),
      bytes.readBigUInt64LE(layout.TOKEN_VM_AT),
      bytes.readBigUInt64LE(layout.TOKEN_TIME_AT),
      bytes.readBigUInt64LE(layout.TOKEN_DIGEST_AT),
    ]).toEqual([record?.seq, record?.vm, record?.time, record?.digest]);
  });

  it("carries the hash of the request id, not the id", () => {
    expect(decideWithToken().bytes.readBigUInt64LE(layout.TOKEN_ID_AT)).toBe(
      sipHash(A_TOKEN_KEY, Buffer.from(ID)),
    );
  });

  it("carries digest, segment, bin, tag and arm of each model", () => {
    const { bytes, record } = decideWithToken();
    const at = layout.TOKEN_HEAD;
    const entry = record?.models[0];
    expect(bytes.subarray(at, at + 8).toString("hex")).toBe(
      modelDigest(aModel(), aTable().features),
    );
    expect([
      bytes.readUInt16LE(at + layout.TOKEN_MODEL_SEGMENT),
      bytes.readUInt16LE(at + layout.TOKEN_MODEL_BIN),
      bytes.readUInt8(at + layout.TOKEN_MODEL_TAG),
      bytes.readUInt8(at + layout.TOKEN_MODEL_ARM),
    ]).toEqual([entry?.segment, entry?.bin, entry?.tag, entry?.arm]);
  });

  it("carries every model of the table", () => {
    const second = aModel({ name: "second", lo: 0, hi: 8192 });
    const { bytes } = decideWithToken([aModel(), second]);
    const at = layout.TOKEN_HEAD + layout.TOKEN_MODEL_SIZE;
    expect(bytes.readUInt16LE(at + layout.TOKEN_MODEL_BIN)).toBe(1500);
  });

  it("replaces one a client sent", () => {
    const { filter } = startFilter(someTable({ token: true }));
    const headers = [["x-limen-decision", "forged"]] as const;
    const { stream } = decide(filter, aRequest({ score: 1, headers }));
    const values = stream.headers().filter(([name]) => name === "x-limen-decision");
    expect(values.map(([, value]) => value === "forged")).toEqual([false]);
  });

  it("is not written when the table does not ask for it", () => {
    const { filter } = startFilter(someTable());
    expect(decide(filter, request).stream.header("x-limen-decision")).toBeUndefined();
  });
});
