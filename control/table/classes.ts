import { refuse } from "./cap.ts";
import { type ByteClass, buildClass, parseBytes, parsePattern, uniteClasses } from "./patterns.ts";
import type { Feature } from "./table.ts";

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;
const isAlphanumeric = (byte: number): boolean => isDigit(byte) || isUpper(byte) || isLower(byte);

/** `bytes`: patterns of one byte each, together one class. */
function buildListed(field: string, feature: Feature): ByteClass {
  const patterns = (feature.any ?? []).map((text) => {
    const classes = parsePattern(`${field}.any`, text, feature.fold === true);
    if (classes.length === 1) return classes[0] ?? new Uint8Array();
    throw refuse(`${field}.any`, `"${text}" is longer than one byte; "matches" counts longer ones`);
  });
  if (patterns.length === 0) throw refuse(`${field}.any`, "is empty; give at least one byte");
  return uniteClasses(patterns);
}

/** The byte class a measure needs in its first argument; undefined for those without one. */
export function classOfFeature(field: string, feature: Feature): ByteClass | undefined {
  switch (feature.is) {
    case "digits":
      return buildClass(isDigit);
    case "upper":
      return buildClass(isUpper);
    case "special": {
      const except = parseBytes(`${field}.except`, feature.except ?? "");
      return buildClass((byte) => !isAlphanumeric(byte) && !except.includes(byte));
    }
    case "percent":
      return buildClass((byte) => byte === 0x25);
    case "nonascii":
      return buildClass((byte) => byte >= 0x80);
    case "control":
      return buildClass((byte) => byte < 0x20 || byte === 0x7f);
    case "bytes":
      return buildListed(field, feature);
    case "longest-segment":
      return buildClass((byte) => byte === 0x2f);
    case "longest-token": {
      const split = parseBytes(`${field}.split`, feature.split ?? "");
      if (split.length === 0) throw refuse(`${field}.split`, "is empty; give the separating bytes");
      return buildClass((byte) => split.includes(byte));
    }
    default:
      return undefined;
  }
}
