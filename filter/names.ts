// An index of the names a table asks for, built once when the table is published, behind its bytes.
// A header, cookie or parameter name finds its source by a hash, whatever the number of names.
//
//   0     u8 x 16       1 + source index of each unnamed source kind, 0 when not asked for
//   16    u8            1 + source index count of cookies;  17 the same of parameters
//   18    u8            1 when the block of all headers is measured
//   64    u8 x 256      buckets of header names: 1 + entry
//   320   u8 x 128      buckets of cookie names: 1 + source index
//   448   u8 x 128      buckets of parameter names: 1 + source index
//   576   8 bytes each  header entries: u32 name address, u16 length, u8 1 + source, u8 marks

import { TABLE_BYTES_MAX } from "../models/limits";
import * as measures from "../models/measures";
import * as layout from "../models/table-layout";
import { equalBytes, equalFolded } from "./bytes";
import {
  countSources,
  NAMES_BYTES,
  sectionLength,
  sectionOf,
  spanLength,
  spanStart,
} from "./table";

const NAMES: i32 = TABLE_BYTES_MAX;
const COOKIES: i32 = 16;
const PARAMETERS: i32 = 17;
const BLOCK: i32 = 18;
const HEADER_BUCKETS: i32 = 64;
const COOKIE_BUCKETS: i32 = 320;
const PARAMETER_BUCKETS: i32 = 448;
const ENTRIES: i32 = 576;
const ENTRY_LENGTH: i32 = 4;
const ENTRY_SOURCE: i32 = 6;
const ENTRY_MARKS: i32 = 7;
const ENTRY_BYTES: i32 = 8;

export const MARK_IGNORED: i32 = 1;
export const MARK_REQUEST_ID: i32 = 2;

// "x-request-id"
const REQUEST_ID: usize = memory.data<u8>([
  0x78, 0x2d, 0x72, 0x65, 0x71, 0x75, 0x65, 0x73, 0x74, 0x2d, 0x69, 0x64,
]);
const REQUEST_ID_LENGTH: i32 = 12;

let entries: i32 = 0;

/** Bytes 0x41 to 0x5a and 0x61 to 0x7a fall together; others may too: a hash only. */
function hashName(name: usize, length: i32): i32 {
  if (length === 0) return 0;
  const first = (load<u8>(name) as i32) | 0x20;
  const middle = (load<u8>(name + (length >> 1)) as i32) | 0x20;
  const last = (load<u8>(name + length - 1) as i32) | 0x20;
  return length * 5 + first * 7 + middle * 31 + last * 131;
}

/** The entry of a header name, compared without case; 0 when the table does not ask for it. */
export function findHeader(table: usize, name: usize, length: i32): usize {
  const names = table + NAMES;
  let bucket = hashName(name, length) & 255;
  // Entries never fill the buckets, so an empty one ends the search.
  while (true) {
    const found: i32 = load<u8>(names + HEADER_BUCKETS + bucket);
    if (found === 0) return 0;
    const entry = names + ENTRIES + (found - 1) * ENTRY_BYTES;
    if (
      (load<u16>(entry + ENTRY_LENGTH) as i32) === length &&
      equalFolded(name, load<u32>(entry), length)
    ) {
      return entry;
    }
    bucket = (bucket + 1) & 255;
  }
}

/** 1 + source index of an entry, 0 when it only carries marks. */
export function entrySource(entry: usize): i32 {
  return load<u8>(entry + ENTRY_SOURCE);
}

export function entryMarks(entry: usize): i32 {
  return load<u8>(entry + ENTRY_MARKS);
}

function findNamed(table: usize, buckets: usize, name: usize, length: i32): i32 {
  const sources = sectionOf(table, layout.KIND_SOURCES);
  let bucket = hashName(name, length) & 127;
  while (true) {
    const found: i32 = load<u8>(buckets + bucket);
    if (found === 0) return 0;
    const span = sources + (found - 1) * layout.SOURCE_SIZE + layout.SOURCE_NAME;
    if (spanLength(span) === length && equalBytes(name, spanStart(table, span), length)) {
      return found;
    }
    bucket = (bucket + 1) & 127;
  }
}

/** 1 + source index of a cookie name, 0 when not asked for. */
export function findCookie(table: usize, name: usize, length: i32): i32 {
  return findNamed(table, table + NAMES + COOKIE_BUCKETS, name, length);
}

/** 1 + source index of a parameter name, 0 when not asked for. */
export function findParameter(table: usize, name: usize, length: i32): i32 {
  return findNamed(table, table + NAMES + PARAMETER_BUCKETS, name, length);
}

/** 1 + source index of an unnamed source kind, 0 when not asked for. */
export function kindSource(table: usize, kind: i32): i32 {
  return load<u8>(table + NAMES + kind);
}

export function asksCookies(table: usize): bool {
  return load<u8>(table + NAMES + COOKIES) !== 0;
}

export function asksParameters(table: usize): bool {
  return load<u8>(table + NAMES + PARAMETERS) !== 0;
}

export function asksBlock(table: usize): bool {
  return load<u8>(table + NAMES + BLOCK) !== 0;
}

function addHeader(table: usize, name: usize, length: i32, source: i32, marks: i32): void {
  const names = table + NAMES;
  let entry = findHeader(table, name, length);
  if (entry === 0) {
    entry = names + ENTRIES + entries * ENTRY_BYTES;
    store<u32>(entry, name as u32);
    store<u16>(entry + ENTRY_LENGTH, length as u16);
    let bucket = hashName(name, length) & 255;
    while (load<u8>(names + HEADER_BUCKETS + bucket) !== 0) bucket = (bucket + 1) & 255;
    entries += 1;
    store<u8>(names + HEADER_BUCKETS + bucket, entries as u8);
  }
  if (source !== 0) store<u8>(entry + ENTRY_SOURCE, source as u8);
  store<u8>(entry + ENTRY_MARKS, (entryMarks(entry) | marks) as u8);
}

function addNamed(buckets: usize, name: usize, length: i32, source: i32): void {
  let bucket = hashName(name, length) & 127;
  while (load<u8>(buckets + bucket) !== 0) bucket = (bucket + 1) & 127;
  store<u8>(buckets + bucket, source as u8);
}

function addSource(table: usize, index: i32): void {
  const names = table + NAMES;
  const source = sectionOf(table, layout.KIND_SOURCES) + index * layout.SOURCE_SIZE;
  const kind: i32 = load<u16>(source + layout.SOURCE_KIND);
  const name = spanStart(table, source + layout.SOURCE_NAME);
  const length = spanLength(source + layout.SOURCE_NAME);
  if (kind === measures.SOURCE_HEADER) {
    addHeader(table, name, length, index + 1, 0);
  } else if (kind === measures.SOURCE_COOKIE) {
    addNamed(names + COOKIE_BUCKETS, name, length, index + 1);
    store<u8>(names + COOKIES, 1);
  } else if (kind === measures.SOURCE_PARAMETER) {
    addNamed(names + PARAMETER_BUCKETS, name, length, index + 1);
    store<u8>(names + PARAMETERS, 1);
  } else {
    store<u8>(names + kind, (index + 1) as u8);
    if (kind === measures.SOURCE_HEADERS) store<u8>(names + BLOCK, 1);
  }
}

/** Builds the index of a validated table. At most 64 sources, 64 ignored names and one more. */
export function indexNames(table: usize): void {
  memory.fill(table + NAMES, 0, NAMES_BYTES);
  entries = 0;
  addHeader(table, REQUEST_ID, REQUEST_ID_LENGTH, 0, MARK_REQUEST_ID);
  const sources = countSources(table);
  for (let index = 0; index < sources; index++) addSource(table, index);
  const ignored = sectionOf(table, layout.KIND_IGNORED);
  const end = ignored + sectionLength(table, layout.KIND_IGNORED);
  for (let entry = ignored; entry < end; entry += layout.IGNORED_SIZE) {
    if (load<u32>(entry + layout.IGNORED_MATCH) !== layout.MATCH_EQUALS) continue;
    addHeader(table, spanStart(table, entry), spanLength(entry), 0, MARK_IGNORED);
  }
}

/** Whether a prefix of the ignored list covers a header name. */
export function hasIgnoredPrefix(table: usize, name: usize, length: i32): bool {
  const ignored = sectionOf(table, layout.KIND_IGNORED);
  const end = ignored + sectionLength(table, layout.KIND_IGNORED);
  for (let entry = ignored; entry < end; entry += layout.IGNORED_SIZE) {
    if (load<u32>(entry + layout.IGNORED_MATCH) !== layout.MATCH_PREFIX) continue;
    const prefix = spanLength(entry);
    if (prefix <= length && equalFolded(name, spanStart(table, entry), prefix)) return true;
  }
  return false;
}
