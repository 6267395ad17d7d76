import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findToken, openTokens, parseTokens } from "../../../control/auth/tokens.ts";
import { tokenOf } from "../../support/identity.ts";

const ONE = tokenOf("one");
const TWO = tokenOf("two");
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-tokens-"));
  file = join(folder, "tokens.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (text: string): void => {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
};
const entry = (name: string, token: string, role = "reader"): string =>
  `- { name: ${name}, role: ${role}, token: ${token} }\n`;

describe("parseTokens", () => {
  const parse = (text: string) => parseTokens(text, "tokens.yaml");

  it("finds who has a token, and with which role", () => {
    const tokens = parse(entry("ann", ONE, "operator") + entry("bob", TWO));
    expect(findToken(tokens, TWO)).toEqual({ kind: "token", name: "bob", role: "reader" });
  });

  it("finds a token of which only the hash is written", () => {
    const hash = createHash("sha256").update(ONE).digest("hex");
    const tokens = parse(`- { name: ann, role: labeler, sha256: ${hash} }`);
    expect(findToken(tokens, ONE)).toMatchObject({ name: "ann", role: "labeler" });
  });

  it.each(["", "x", ONE.slice(1), `${ONE} `, ONE.toUpperCase()])("finds nobody for %s", (text) => {
    expect(findToken(parse(entry("ann", ONE)), text)).toBe(null);
  });

  it("takes a token of 32 characters and refuses one of 31", () => {
    expect(parse(entry("a", ONE.slice(0, 32)))).toHaveLength(1);
    expect(() => parse(entry("a", ONE.slice(0, 31)))).toThrow(/entry 0 token: at least 32/);
  });

  it("takes 256 tokens and refuses 257", () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, at) => entry(`n${at}`, tokenOf(`t${at}x`))).join("");
    expect(parse(many(256))).toHaveLength(256);
    expect(() => parse(many(257))).toThrow(/at most 256/);
  });

  it.each<[string, string, RegExp]>([
    ["no list", "a: b", /expected array/],
    ["an empty list", "[]", /at least one token/],
    ["a role proxy, which a token cannot have", entry("a", ONE, "proxy"), /entry 0 role/],
    ["neither token nor hash", "- { name: a, role: reader }", /one of "token" and "sha256"/],
    ["a number for a token", `- { name: a, role: reader, token: ${"1".repeat(32)} }`, /quotes/],
    ["a short hash", "- { name: a, role: reader, sha256: ab }", /64 hexadecimal/],
    ["the name of the service itself", entry("limen", ONE), /entry 0 name: none of limen/],
    ["a name that reads like another's", entry("ann via loopback", ONE), /entry 0 name: letters/],
    ["one name twice", entry("a", ONE) + entry("a", TWO), /entry 1 has the name of another/],
    ["one token twice", entry("a", ONE) + entry("b", ONE), /entry 1 has the token of another/],
    ["broken YAML", `- { name: a, token: "${ONE} }`, /not YAML/],
    ["a key it does not know", `- { name: a, role: reader, ${ONE} }`, /a key other than name/],
  ])("refuses %s", (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it.each([
    ["a role", entry("a", ONE, "boss")],
    ["a key", `- { name: a, role: reader, ${ONE}: 1 }`],
    ["the syntax", `- { name: a, token: "${ONE} }`],
    ["a character", `- { name: a, role: reader, token: "${ONE} é" }`],
    ["a token in the place of a hash", `- { name: a, role: reader, sha256: ${ONE} }`],
    ["a twin", entry("a", ONE) + entry("b", ONE)],
  ])("repeats no token in the error about %s", (_, text) => {
    let told = "";
    try {
      parse(text);
    } catch (thrown) {
      const { message, stack, cause } = thrown as Error;
      told = [message, stack, JSON.stringify(cause ?? "")].join("\n");
    }
    expect(told).toMatch(/tokens\.yaml/);
    expect(told).not.toContain(ONE);
  });
});

describe("openTokens", () => {
  const said: string[] = [];
  const open = () => openTokens(file, (line) => said.push(line));
  beforeEach(() => said.splice(0));

  it.each([0o604, 0o602, 0o601, 0o644])("refuses a file of mode %o", (mode) => {
    write(entry("ann", ONE));
    chmodSync(file, mode);
    expect(open).toThrow(/others can reach it; run "chmod o= /);
  });

  it("takes a file that its group reads", () => {
    write(entry("ann", ONE));
    chmodSync(file, 0o640);
    expect(open().find(ONE)).toMatchObject({ name: "ann" });
  });

  it("refuses to start without the file", () => {
    expect(open).toThrow(/cannot be read/);
  });

  it("takes a new token and forgets the old one when the file changes", () => {
    write(entry("ann", ONE));
    const tokens = open();
    write(entry("ann", TWO));
    expect([tokens.find(TWO), tokens.find(ONE)]).toEqual([
      { kind: "token", name: "ann", role: "reader" },
      null,
    ]);
  });

  it.each([
    ["is broken", () => write("- {")],
    ["is gone", () => rmSync(file)],
    ["is open to others", () => chmodSync(file, 0o644)],
  ])("keeps the tokens and says so once when the file %s", (_, change) => {
    write(entry("ann", ONE));
    const tokens = open();
    change();
    expect([tokens.find(ONE), tokens.find(TWO), tokens.find(ONE)]).toMatchObject([
      { name: "ann" },
      null,
      { name: "ann" },
    ]);
    expect(said).toEqual([expect.stringMatching(/; the tokens read before stay$/)]);
  });
});
