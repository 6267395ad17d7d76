import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTokenText, readTokenFields } from "../../../control/collect/token.ts";
import { tableDigest } from "../../../control/table/seal.ts";
import { aModel, someTable } from "../../support/builders.ts";
import { makeDecision } from "./stage.ts";

const { token } = makeDecision(someTable(), { seq: 3 });

describe("isTokenText", () => {
  it("takes a token of the filter for one", () => {
    expect(isTokenText(token)).toBe(true);
  });

  it("takes a token of two models for one", () => {
    const models = [aModel(), aModel({ name: "attack" })];
    expect(isTokenText(makeDecision(someTable({ models })).token)).toBe(true);
  });

  it("takes a request id for none", () => {
    fc.assert(fc.property(fc.uuid(), (id) => !isTokenText(id)));
  });

  it("takes a token without its end for none", () => {
    const ends = fc.integer({ min: 0, max: token.length - 1 });
    fc.assert(fc.property(ends, (end) => !isTokenText(token.slice(0, end))));
  });

  it("takes text that is no base64url for none", () => {
    expect(isTokenText(`${token.slice(0, -1)}=`)).toBe(false);
  });
});

describe("readTokenFields", () => {
  it("reads what the filter wrote", () => {
    const digest = tableDigest(someTable());
    expect(readTokenFields(token)).toMatchObject({ vm: 7n, seq: 3, tableDigest: digest });
  });
});
