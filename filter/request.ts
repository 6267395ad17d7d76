// One pass over the header pairs of a request: spans of the sources a table asks for, the size of
// the header block, and the reserved headers a client may not send.
//
// Pairs: u32 count, then u32 name length and u32 value length each, then name NUL value NUL each.

import { REASON_NO_HEADERS, REASON_NONE, REASON_OVERSIZE } from "../models/decision";
import { HEADER_BYTES_MAX, HEADER_PAIRS_MAX } from "../models/limits";
import * as measures from "../models/measures";
import { readCookies, readParameters } from "./name-values";
import {
  asksBlock,
  asksCookies,
  asksParameters,
  entryMarks,
  entrySource,
  findHeader,
  hasIgnoredPrefix,
  kindSource,
  MARK_IGNORED,
  MARK_REQUEST_ID,
} from "./names";
import { isCarriedTag, isReserved, isTrusted } from "./reserved";
import { addValue, clearValues } from "./spans";
import { countSources } from "./table";

export let forgedCount: i32 = 0;
/** Pairs that were proved in bounds. */
export let pairCount: i32 = 0;
/** Under trust: mesh: an earlier hop wrote one of the table's tags. */
export let hasCarriedTag: bool = false;
export let blockCount: i32 = 0;
export let blockLength: i32 = 0;
/** Value of the first x-request-id; length -1 without one. */
export let requestIdAt: usize = 0;
export let requestIdLength: i32 = -1;

function addKind(table: usize, kind: i32, at: usize, length: i32): void {
  const source = kindSource(table, kind);
  if (source !== 0) addValue(source, at, length);
}

/** :path is the target; what stands before and after its first '?' are path and query. */
function addTarget(table: usize, at: usize, length: i32): void {
  let path = 0;
  while (path < length && load<u8>(at + path) !== 0x3f) path += 1;
  const query = path < length ? path + 1 : length;
  addKind(table, measures.SOURCE_TARGET, at, length);
  addKind(table, measures.SOURCE_PATH, at, path);
  addKind(table, measures.SOURCE_QUERY, at + query, length - query);
  if (asksParameters(table)) readParameters(table, at + query, length - query);
}

/** Pseudo headers differ in length: ":path", ":method", ":authority". */
function addPseudo(table: usize, name: usize, nameLength: i32, at: usize, length: i32): void {
  if (nameLength === 5 && load<u32>(name + 1) === 0x68746170) {
    addTarget(table, at, length);
  } else if (nameLength === 7 && load<u32>(name + 1) === 0x6874656d) {
    addKind(table, measures.SOURCE_METHOD, at, length);
  } else if (nameLength === 10 && load<u32>(name + 1) === 0x68747561) {
    addKind(table, measures.SOURCE_AUTHORITY, at, length);
  }
}

/** "cookie", compared without case. */
function isCookie(name: usize, length: i32): bool {
  return (
    length === 6 &&
    (load<u32>(name) | 0x20202020) === 0x6b6f6f63 &&
    (load<u16>(name + 4) | 0x2020) === 0x6569
  );
}

function addHeader(table: usize, name: usize, nameLength: i32, at: usize, length: i32): void {
  const entry = findHeader(table, name, nameLength);
  const marks = entry === 0 ? 0 : entryMarks(entry);
  if (entry !== 0) {
    const source = entrySource(entry);
    if (source !== 0) addValue(source, at, length);
    if ((marks & MARK_REQUEST_ID) !== 0 && requestIdLength < 0) {
      requestIdAt = at;
      requestIdLength = length;
    }
  }
  if (asksCookies(table) && isCookie(name, nameLength)) readCookies(table, at, length);
  if (asksBlock(table) && (marks & MARK_IGNORED) === 0) {
    if (!hasIgnoredPrefix(table, name, nameLength)) {
      blockCount += 1;
      blockLength += nameLength + length;
    }
  }
}

function noteReserved(table: usize, name: usize, length: i32): void {
  if (table === 0 || !isTrusted(table, name, length)) forgedCount += 1;
  else if (isCarriedTag(table, name, length)) hasCarriedTag = true;
}

function addPair(table: usize, name: usize, nameLength: i32, at: usize, length: i32): void {
  if (nameLength > 0 && load<u8>(name) === 0x3a) addPseudo(table, name, nameLength, at, length);
  else addHeader(table, name, nameLength, at, length);
}

function startRequest(table: usize): void {
  forgedCount = 0;
  pairCount = 0;
  hasCarriedTag = false;
  blockCount = 0;
  blockLength = 0;
  requestIdLength = -1;
  if (table !== 0) clearValues(countSources(table));
}

/** Reads the pairs; without a table (0) it only counts the forged headers. A REASON_*. */
export function readRequest(table: usize, pairs: usize, size: u32): i32 {
  startRequest(table);
  if (size < 4) return REASON_NO_HEADERS;
  const count = load<u32>(pairs);
  if (count > (size - 4) / 8) return REASON_NO_HEADERS;
  const fits = count <= (HEADER_PAIRS_MAX as u32) && size <= (HEADER_BYTES_MAX as u32);
  // Above the caps only the reserved headers are looked for.
  const isAsked = fits && table !== 0;
  const end = pairs + size;
  let at = pairs + 4 + (count << 3);
  for (let index: u32 = 0; index < count; index++) {
    const nameLength = load<u32>(pairs + 4 + (index << 3));
    const length = load<u32>(pairs + 8 + (index << 3));
    const left: u32 = (end - at) as u32;
    // Both lengths and two NUL bytes must fit into what is left.
    if (nameLength >= left || length >= left - nameLength - 1) return REASON_NO_HEADERS;
    const value = at + nameLength + 1;
    if (isReserved(at, nameLength as i32)) noteReserved(table, at, nameLength as i32);
    if (isAsked) addPair(table, at, nameLength as i32, value, length as i32);
    pairCount += 1;
    at = value + length + 1;
  }
  if (!fits) return REASON_OVERSIZE;
  if (table !== 0 && asksBlock(table)) {
    addValue(kindSource(table, measures.SOURCE_HEADERS), pairs, blockLength);
  }
  return REASON_NONE;
}
