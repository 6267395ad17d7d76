import {
  EXEMPT_MAX,
  IGNORED_MAX,
  NAME_BYTES_MAX,
  SEGMENT_ENTRIES_MAX,
  SEGMENTS_MAX,
} from "../../models/limits.ts";
import { SOURCE_CLOCK, SOURCE_HEADERS } from "../../models/measures.ts";
import { MATCH_EQUALS, MATCH_PREFIX } from "../../models/table-layout.ts";
import { createWriter } from "./bytes.ts";
import { checkCap, checkDistinct, checkWhole, refuse } from "./cap.ts";
import { type BytePool, type Shared, toBytes } from "./pool.ts";
import { addSource, parseSource, type Source, writeSpan } from "./sources.ts";
import type { Exempt, Segments } from "./table.ts";

export const MATCHES = { equals: MATCH_EQUALS, prefix: MATCH_PREFIX };

/** The clock and the header block have no single value to compare. */
function checkOneValue(field: string, text: string): void {
  const { kind } = parseSource(field, text);
  if (kind === SOURCE_CLOCK || kind === SOURCE_HEADERS) {
    throw refuse(field, `"${text}" has no single value to compare with`);
  }
}

/** KIND_SEGMENTS: one span a segment. */
export function writeSegmentNames(segments: Segments, pool: BytePool): Uint8Array {
  checkWhole("segments", segments.names.length, 1, SEGMENTS_MAX);
  checkDistinct("segments", segments.names);
  const writer = createWriter();
  for (const name of segments.names) {
    checkWhole(`segment "${name}": bytes of the name`, toBytes(name).length, 1, NAME_BYTES_MAX);
    writeSpan(writer, pool.add(name));
  }
  return writer.done();
}

type Entry = { text: Buffer; segment: number };

/**
 * KIND_SEGMENT_ENTRIES: span, u16 segment, u16 parent; sorted by bytes. A stack holds the entries
 * that are prefixes of the last one, so the parent of the next is found without a search.
 */
export function writeSegmentEntries(segments: Segments, pool: BytePool): Uint8Array {
  const writer = createWriter();
  checkCap("segment entries", segments.entries.length, SEGMENT_ENTRIES_MAX);
  if (segments.entries.length > 0) checkOneValue("segments.of", segments.of);
  checkDistinct(
    "segment entries",
    segments.entries.map((entry) => entry.text),
  );
  const entries: Entry[] = segments.entries.map((entry) => {
    const text = Buffer.from(toBytes(entry.text));
    checkWhole(`segment entry "${entry.text}": bytes`, text.length, 1, NAME_BYTES_MAX);
    const most = segments.names.length - 1;
    checkWhole(`segment entry "${entry.text}": segment`, entry.segment, 0, most);
    return { text, segment: entry.segment };
  });
  entries.sort((a, b) => Buffer.compare(a.text, b.text));
  const open: { text: Buffer; position: number }[] = [];
  entries.forEach((entry, position) => {
    const isPrefix = (text: Buffer): boolean => entry.text.subarray(0, text.length).equals(text);
    for (let top = open.at(-1); top && !isPrefix(top.text); top = open.at(-1)) open.pop();
    const parent = segments.match === "prefix" ? (open.at(-1)?.position ?? -1) + 1 : 0;
    writeSpan(writer, pool.add(entry.text));
    writer.u16(entry.segment);
    writer.u16(parent);
    open.push({ text: entry.text, position });
  });
  return writer.done();
}

/** KIND_EXEMPT: u16 source, u16 match, span. */
export function writeExempt(
  rules: readonly Exempt[],
  sources: Shared<Source>,
  pool: BytePool,
): Uint8Array {
  checkCap("exempt rules", rules.length, EXEMPT_MAX);
  const writer = createWriter();
  for (const rule of rules) {
    const field = `exempt "${rule.of}"`;
    checkOneValue(field, rule.of);
    checkWhole(`${field}: bytes of the text`, toBytes(rule.text).length, 1, NAME_BYTES_MAX);
    writer.u16(addSource(sources, field, rule.of));
    writer.u16(MATCHES[rule.match]);
    writeSpan(writer, pool.add(rule.text));
  }
  return writer.done();
}

/** KIND_IGNORED: span, u32 match; a trailing `*` is a prefix. */
export function writeIgnored(names: readonly string[], pool: BytePool): Uint8Array {
  checkCap("ignored headers", names.length, IGNORED_MAX);
  const writer = createWriter();
  for (const given of names) {
    const prefix = given.endsWith("*");
    const name = (prefix ? given.slice(0, -1) : given).toLowerCase();
    checkWhole(`ignored header "${given}": bytes`, toBytes(name).length, 1, NAME_BYTES_MAX);
    writeSpan(writer, pool.add(name));
    writer.u32(prefix ? MATCH_PREFIX : MATCH_EQUALS);
  }
  return writer.done();
}
