import { describe, expect, it } from "vitest";
import { readAsk, readRequestAsk } from "../../../control/explain/ask.ts";

const read = (query: string) => readAsk(new URLSearchParams(query));

describe("readAsk", () => {
  it.each([
    ["last", { kind: "last" }],
    ["id=a%20b", { kind: "id", id: "a b" }],
    ["token=AQAB", { kind: "token", token: "AQAB" }],
    ["bad&since=30m", { kind: "bad", sinceMs: 1_800_000 }],
    ["bad", { kind: "bad", sinceMs: 3_600_000 }],
  ])("reads %s", (query, ask) => {
    expect(read(query)).toEqual(ask);
  });

  it.each([
    ["", /one of last, id, token/],
    ["last&id=1", /one of last, id, token/],
    ["last&since=1h", /one of last, id, token/],
    ["bad&since=soon", /a duration like/],
    ["idd=1", /unknown key idd.*"id"/],
    ["id=", /id/],
  ])("refuses %j", (query, message) => {
    expect(() => read(query)).toThrow(message);
  });

  it("takes an id of 8,192 characters and refuses one more", () => {
    expect(read(`id=${"a".repeat(8_192)}`).kind).toBe("id");
    expect(() => read(`id=${"a".repeat(8_193)}`)).toThrow(/id/);
  });
});

describe("readRequestAsk", () => {
  it("takes a request without headers", () => {
    const ask = { kind: "request", method: "GET", path: "/", headers: [] };
    expect(readRequestAsk({ method: "GET", path: "/" })).toEqual(ask);
  });

  it.each([
    [{ method: "G T", path: "/" }, /a method like GET/],
    [{ method: "GET", path: "cart" }, /begins with \//],
    [{ method: "GET", path: "/", headers: [["a b", "1"]] }, /a header name/],
    [{ method: "GET", path: "/", header: [] }, /unknown key header.*"headers"/],
  ])("refuses %j", (body, message) => {
    expect(() => readRequestAsk(body)).toThrow(message);
  });
});
