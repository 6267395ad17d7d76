// proxy_on_request_headers: asks the host for what the table needs, lets the core decide, and writes
// what it decided. Host calls: pairs, clock, one replace a tag, one set_property; one remove a forged
// header, or one set of all pairs; one replace for the token; one property each if the table asks.

import * as decision from "../../models/decision";
import { FORGED_SINGLE_MAX } from "../../models/limits";
import { SOURCE_ADDRESS, SOURCE_MTLS } from "../../models/measures";
import {
  FLAG_RECORD,
  FLAG_TOKEN,
  FLAG_TRUST_MESH,
  HEAD_DIGEST,
  HEAD_SERIAL,
  KIND_TAGS,
  TAG_HEADER,
  TAG_SIZE,
  TAG_VALUE,
} from "../../models/table-layout";
import { closeDecision, failTag, reason, startDecision, status, tagToWrite } from "../decide";
import { kindSource } from "../names";
import { recordLength, recordStart, tokenText, writeToken } from "../record";
import { forgedCount, readRequest } from "../request";
import { addValue } from "../spans";
import {
  activeTable,
  countModels,
  flagsOf,
  modelSection,
  modelSectionLength,
  spanLength,
  spanStart,
} from "../table";
import {
  nextForged,
  pairName,
  pairNameLength,
  rebuildPairs,
  rebuiltPairs,
  startForged,
} from "../tag";
import { startWork } from "../work";
import { resetArena } from "./arena";
import { vmTime } from "./configure";
import {
  getHeaderPairs,
  getProperty,
  readClock,
  removeHeader,
  replaceHeader,
  resultAt,
  resultLength,
  STATUS_BAD_MEMORY,
  STATUS_OK,
  setHeaderPairs,
  setProperty,
} from "./host";
import { countDecision, flushCounters, showTable } from "./metrics";
import { countPlugins, findPlugin, PLUGIN_OTHER } from "./plugins";
import { findRoot, rootPlugin, rootTable } from "./roots";

// "source", NUL, "address"
const ADDRESS_PATH: usize = memory.data<u8>([
  0x73, 0x6f, 0x75, 0x72, 0x63, 0x65, 0, 0x61, 0x64, 0x64, 0x72, 0x65, 0x73, 0x73,
]);
const ADDRESS_LENGTH: i32 = 14;
// "connection", NUL, "mtls"
const MTLS_PATH: usize = memory.data<u8>([
  0x63, 0x6f, 0x6e, 0x6e, 0x65, 0x63, 0x74, 0x69, 0x6f, 0x6e, 0, 0x6d, 0x74, 0x6c, 0x73,
]);
const MTLS_LENGTH: i32 = 15;
// "truefalse"
const BOOLEANS: usize = memory.data<u8>([0x74, 0x72, 0x75, 0x65, 0x66, 0x61, 0x6c, 0x73, 0x65]);
// "limen": filter state wasm.limen
const RECORD_PATH: usize = memory.data<u8>([0x6c, 0x69, 0x6d, 0x65, 0x6e]);
const RECORD_PATH_LENGTH: i32 = 5;
// "x-limen-decision"
const TOKEN_NAME: usize = memory.data<u8>([
  0x78, 0x2d, 0x6c, 0x69, 0x6d, 0x65, 0x6e, 0x2d, 0x64, 0x65, 0x63, 0x69, 0x73, 0x69, 0x6f, 0x6e,
]);
const TOKEN_NAME_LENGTH: i32 = 16;

/** Records of this VM, over all its plugins; gaps in it are the loss on the way to the log. */
let recordSeq: u32 = 0;
/** Decisions without record or token, so that their draws differ too. */
let otherSeq: u32 = 0;

/** Up to 8 one by one, above that all pairs at once, unless the map is above the host's caps. */
function stripForged(table: usize, pairs: usize, size: u32): void {
  if (forgedCount === 0) return;
  if (forgedCount > FORGED_SINGLE_MAX) {
    const rebuilt = rebuildPairs(table, pairs, size);
    if (rebuilt !== 0 && setHeaderPairs(rebuiltPairs(), rebuilt as i32) === STATUS_OK) return;
  }
  startForged(pairs);
  while (nextForged(table)) removeHeader(pairName, pairNameLength);
}

/** Headers that cannot be read: those of the table go by name, but for a trusted earlier hop. */
function stripUnread(table: usize): void {
  if (table === 0 || (flagsOf(table) & FLAG_TRUST_MESH) !== 0) return;
  const models = countModels(table);
  for (let model = 0; model < models; model++) {
    const tags = modelSection(table, KIND_TAGS, model);
    const end = tags + modelSectionLength(table, KIND_TAGS, model);
    for (let tag = tags; tag < end; tag += TAG_SIZE) {
      removeHeader(spanStart(table, tag + TAG_HEADER), spanLength(tag + TAG_HEADER));
    }
  }
  removeHeader(TOKEN_NAME, TOKEN_NAME_LENGTH);
}

function askAddress(source: i32): void {
  if (getProperty(ADDRESS_PATH, ADDRESS_LENGTH) !== STATUS_OK) return;
  addValue(source, resultAt, resultLength);
}

/** Envoy gives a boolean as one byte. */
function askMtls(source: i32): void {
  if (getProperty(MTLS_PATH, MTLS_LENGTH) !== STATUS_OK || resultLength < 1) return;
  if (load<u8>(resultAt) !== 0) addValue(source, BOOLEANS, 4);
  else addValue(source, BOOLEANS + 4, 5);
}

function askProperties(table: usize): void {
  const address = kindSource(table, SOURCE_ADDRESS);
  if (address !== 0) askAddress(address);
  const mtls = kindSource(table, SOURCE_MTLS);
  if (mtls !== 0) askMtls(mtls);
}

function writeTags(table: usize): void {
  const models = countModels(table);
  for (let model = 0; model < models; model++) {
    const tag = tagToWrite(table, model);
    if (tag === 0) continue;
    const written = replaceHeader(
      spanStart(table, tag + TAG_HEADER),
      spanLength(tag + TAG_HEADER),
      spanStart(table, tag + TAG_VALUE),
      spanLength(tag + TAG_VALUE),
    );
    if (written !== STATUS_OK) failTag(model);
  }
}

function takeSeq(isNamed: bool): u32 {
  if (isNamed) {
    recordSeq += 1;
    return recordSeq - 1;
  }
  otherSeq += 1;
  return otherSeq - 1;
}

function decideRequest(table: usize, trouble: i32, clock: u64): void {
  const flags = flagsOf(table);
  const seq = takeSeq((flags & (FLAG_RECORD | FLAG_TOKEN)) !== 0);
  if (trouble === decision.REASON_NONE) askProperties(table);
  startDecision(table, trouble, vmTime, seq, clock);
  writeTags(table);
  closeDecision(table);
  if ((flags & FLAG_RECORD) !== 0) {
    setProperty(RECORD_PATH, RECORD_PATH_LENGTH, recordStart(), recordLength());
  }
  if ((flags & FLAG_TOKEN) !== 0) {
    const length = writeToken(table);
    replaceHeader(TOKEN_NAME, TOKEN_NAME_LENGTH, tokenText(), length);
  }
}

function readHeaders(table: usize): i32 {
  const got = getHeaderPairs();
  // On failure there is nothing to read, and nothing stays from the request before.
  const trouble = readRequest(table, resultAt, resultLength as u32);
  if (trouble === decision.REASON_NO_HEADERS) stripUnread(table);
  // Status 6: the arena has no room for a map this large.
  return got === STATUS_BAD_MEMORY ? decision.REASON_OVERSIZE : trouble;
}

/** The decision about a request, made once: with the table of its root context, else the newest. */
export function respond(context: u32): void {
  resetArena();
  startWork();
  const isKnown = findRoot(context, countPlugins());
  const plugin = isKnown ? rootPlugin : findPlugin();
  let table = rootTable;
  if (!isKnown) table = plugin === PLUGIN_OTHER ? (0 as usize) : activeTable(plugin);
  const trouble = readHeaders(table);
  stripForged(table, resultAt, resultLength as u32);
  const clock = readClock();
  if (table === 0) {
    const why = plugin === PLUGIN_OTHER ? decision.REASON_PLUGINS : decision.REASON_NO_TABLE;
    countDecision(plugin, decision.STATUS_BASE, why, forgedCount);
    showTable(plugin, 0, 0, clock);
  } else {
    decideRequest(table, trouble, clock);
    countDecision(plugin, status, reason, forgedCount);
    showTable(plugin, load<u64>(table + HEAD_DIGEST) | 1, load<u32>(table + HEAD_SERIAL), clock);
  }
  flushCounters(plugin, clock);
}
