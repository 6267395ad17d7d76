import { NAME_BYTES_MAX, SOURCES_MAX } from "../../models/limits.ts";
import type { ByteWriter } from "./bytes.ts";
import { checkCap, refuse } from "./cap.ts";
import { NAMED_SOURCES, PLAIN_SOURCES } from "./names.ts";
import { nearestHint } from "./nearest.ts";
import type { BytePool, Shared, Span } from "./pool.ts";
import { toBytes } from "./pool.ts";

export type Source = { kind: number; name: string };

/** A source as written in model.yaml: a plain word, or `header:NAME` and its like. */
export function parseSource(field: string, text: string): Source {
  const plain = PLAIN_SOURCES[text];
  if (plain !== undefined) return { kind: plain, name: "" };
  const colon = text.indexOf(":");
  const kind = colon < 0 ? undefined : NAMED_SOURCES[text.slice(0, colon)];
  if (kind === undefined) {
    const known = [...Object.keys(PLAIN_SOURCES), "header:NAME", "cookie:NAME", "parameter:NAME"];
    throw refuse(field, `"${text}" is no source${nearestHint(text, known)}`);
  }
  const given = text.slice(colon + 1);
  const name = text.startsWith("header:") ? given.toLowerCase() : given;
  if (name === "") throw refuse(field, `"${text}" lacks a name after the colon`);
  if (text.startsWith("header:") && !/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) {
    throw refuse(field, `"${name}" is no header name; names are letters, digits and -`);
  }
  checkCap(`${field}: bytes of the name`, toBytes(name).length, NAME_BYTES_MAX);
  return { kind, name };
}

/** The index of a source in the table's list, added when new. */
export function addSource(sources: Shared<Source>, field: string, text: string): number {
  const source = parseSource(field, text);
  const index = sources.add(`${source.kind}:${source.name}`, () => source);
  checkCap("sources", sources.items().length, SOURCES_MAX);
  return index;
}

export function writeSpan(writer: ByteWriter, span: Span): void {
  writer.u32(span.offset);
  writer.u32(span.length);
}

/** KIND_SOURCES: u16 kind, u16 0, u32 0, span of the name. */
export function writeSources(writer: ByteWriter, sources: readonly Source[], pool: BytePool): void {
  for (const source of sources) {
    writer.u16(source.kind);
    writer.u16(0);
    writer.u32(0);
    writeSpan(writer, pool.add(source.name));
  }
}
