import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classOfFeature } from "../../../control/table/classes.ts";
import { hasByte, parseBytes, parsePattern } from "../../../control/table/patterns.ts";

/** The bytes a class holds, as a latin-1 text. */
const members = (set: Uint8Array): string =>
  Array.from({ length: 256 }, (_, byte) => byte)
    .filter((byte) => hasByte(set, byte))
    .map((byte) => String.fromCharCode(byte))
    .join("");

const parse = (text: string, fold = false): string[] =>
  parsePattern("any", text, fold).map(members);

describe("parsePattern", () => {
  it("takes plain text byte by byte", () => {
    expect(parse("a.b")).toEqual(["a", ".", "b"]);
  });

  it("takes text outside ASCII as its UTF-8 bytes", () => {
    expect(parse("é")).toEqual(["\xc3", "\xa9"]);
  });

  it("takes \\xNN as one byte, and escapes as the byte they escape", () => {
    expect(parse("\\x00\\xFf\\\\\\[\\]\\-\\^")).toEqual(["\0", "\xff", "\\", "[", "]", "-", "^"]);
  });

  it("takes [..] as one of its bytes and ranges", () => {
    expect(parse("%[89a-f][-x]")).toEqual(["%", "89abcdef", "-x"]);
  });

  it("takes [^..] as any other byte", () => {
    expect(parse("[^\\x01-\\xff]")).toEqual(["\0"]);
  });

  it("adds the other case of ASCII letters when folded, and of nothing else", () => {
    expect(parse("aZ[0_k]é", true)).toEqual(["Aa", "Zz", "0K_k", "\xc3", "\xa9"]);
  });

  it("is a literal for any text of letters and digits", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9 /%.;]+$/), (text) => {
        expect(parse(text).join("")).toBe(text);
      }),
    );
  });

  for (const [text, reason] of [
    ["", "empty pattern"],
    ["[a", 'has "[" without "]"'],
    ["[]", "empty [..]"],
    ["[z-a]", "runs backwards"],
    ["[é]", "non-ASCII character in [..]"],
    ["\\d", '"\\d" in "\\d" is no escape'],
    ["\\x1", "is no escape"],
    ["a\\", "is no escape"],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}: ${reason}`, () => {
      expect(() => parsePattern("any", text, false)).toThrow(reason);
    });
  }
});

describe("parseBytes", () => {
  it("takes every byte as itself, brackets and dashes too", () => {
    expect([...parseBytes("except", "/.-_[]\\x00")]).toEqual([...Buffer.from("/.-_[]\0")]);
  });
});

describe("classOfFeature", () => {
  // One letter a byte, by the character classes of regular expressions.
  const EXPECTED: readonly [string, RegExp][] = [
    ["digits", /[0-9]/],
    ["upper", /[A-Z]/],
    ["special", /[^A-Za-z0-9]/],
    ["percent", /%/],
    ["nonascii", /[\x80-\xff]/],
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are the subject
    ["control", /[\x00-\x1f\x7f]/],
    ["longest-segment", /\//],
  ];
  for (const [is, expected] of EXPECTED) {
    it(`gives the bytes of "${is}"`, () => {
      const set = classOfFeature("f", { name: "f", of: "path", is }) ?? new Uint8Array(32);
      const wanted = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
      expect(members(set)).toBe(wanted.filter((character) => expected.test(character)).join(""));
    });
  }

  it("leaves out what special excepts", () => {
    const set = classOfFeature("f", { name: "f", of: "path", is: "special", except: "/.-_" });
    expect(members(set ?? new Uint8Array(32))).not.toMatch(/[/.\-_]/);
  });

  it("unites the single bytes of bytes", () => {
    const set = classOfFeature("f", { name: "f", of: "path", is: "bytes", any: ["a", "[0-2]"] });
    expect(members(set ?? new Uint8Array(32))).toBe("012a");
  });

  it("refuses a longer pattern for bytes", () => {
    const feature = { name: "f", of: "path", is: "bytes", any: ["ab"] };
    expect(() => classOfFeature("f", feature)).toThrow("longer than one byte");
  });
});
