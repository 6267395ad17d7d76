// Entry for Node: the same core, called by control for parity, simulation and training sets. The
// regions are fixed; the caller writes a table or a request and calls.

import { REASON_NO_TABLE } from "../models/decision";
import { HEADER_BYTES_MAX, TABLE_BYTES_MAX } from "../models/limits";
import { REFUSE_LENGTH } from "../models/refusals";
import { TAG_HEADER, TAG_VALUE } from "../models/table-layout";
import { closeDecision, startDecision, tagToWrite } from "./decide";
import { computeFeatures, vectorStart } from "./features";
import { murmur3 as hashMurmur3 } from "./murmur3";
import { indexNames, kindSource } from "./names";
import { recordLength, recordStart, tokenText, writeToken } from "./record";
import { readRequest } from "./request";
import { binOfScore, modelScore, rawScore, scoreModel } from "./score";
import { addValue } from "./spans";
import {
  activeTable,
  countFeatures,
  countModels,
  publishSlot,
  slotTable,
  spanLength,
  spanStart,
  stagingSlot,
} from "./table";
import { nextForged, pairName, pairNameLength, startForged } from "./tag";
import { sipHash as hashSip } from "./token/siphash";
import { validateTable } from "./validate";
import { startWork } from "./work";

const REQUEST_BYTES: i32 = HEADER_BYTES_MAX + 65536;
const REQUEST: usize = memory.data(HEADER_BYTES_MAX + 65536);
const PROPERTY: usize = memory.data(256);

/** Where the caller writes the next table. */
export function tableStart(): usize {
  return slotTable(0, stagingSlot(0));
}

/** Where the caller writes header pairs, or bytes to hash: `requestLength` bytes. */
export function requestStart(): usize {
  return REQUEST;
}

export function requestLength(): i32 {
  return REQUEST_BYTES;
}

/** Where the caller writes the value of an Envoy property: 256 bytes. */
export function propertyStart(): usize {
  return PROPERTY;
}

export function vectorAt(): usize {
  return vectorStart();
}

export function recordAt(): usize {
  return recordStart();
}

export function tokenAt(): usize {
  return tokenText();
}

/** Validates and publishes what was written at `tableStart`; a REFUSE_*, 0 when it is taken. */
export function loadTable(length: u32): i32 {
  if (length > (TABLE_BYTES_MAX as u32)) return REFUSE_LENGTH;
  const slot = stagingSlot(0);
  const table = slotTable(0, slot);
  const code = validateTable(table, length);
  if (code !== 0) return code;
  indexNames(table);
  publishSlot(0, slot);
  return 0;
}

/** Numbers of the table; 0 without one. */
export function featureCount(): i32 {
  const table = activeTable(0);
  return table === 0 ? 0 : countFeatures(table);
}

export function modelCount(): i32 {
  const table = activeTable(0);
  return table === 0 ? 0 : countModels(table);
}

/** Reads the pairs at `requestStart`; a REASON_* as in a decision. Then properties may be set. */
export function readPairs(length: u32): i32 {
  startWork();
  return readRequest(activeTable(0), REQUEST, length);
}

/** Sets a SOURCE_* of the request to the bytes at `at`, when the table asks for it. */
export function setProperty(kind: i32, at: usize, length: i32): void {
  const table = activeTable(0);
  const source = table === 0 ? 0 : kindSource(table, kind);
  if (source !== 0) addValue(source, at, length);
}

/** The vector of the request that was read, at `vectorAt`; a REASON_*. */
export function features(now: u64): i32 {
  const table = activeTable(0);
  return table === 0 ? REASON_NO_TABLE : computeFeatures(table, now);
}

/** Scores the vector at `vectorAt`; 1 when the score is a number. */
export function score(model: i32): i32 {
  const table = activeTable(0);
  if (table === 0 || (model as u32) >= (countModels(table) as u32)) return 0;
  return scoreModel(table, model) ? 1 : 0;
}

export function lastRawScore(): f32 {
  return rawScore;
}

export function lastScore(): f32 {
  return modelScore;
}

export function lastBin(model: i32): i32 {
  return binOfScore(activeTable(0), model);
}

/** Decides the request that was read; the length of the record at `recordAt`, 0 without a table. */
export function decide(trouble: i32, vm: u64, seq: u32, now: u64): i32 {
  const table = activeTable(0);
  if (table === 0) return 0;
  startDecision(table, trouble, vm, seq, now);
  closeDecision(table);
  return recordLength();
}

/** The token of that decision at `tokenAt`; its length. */
export function token(): i32 {
  const table = activeTable(0);
  return table === 0 ? 0 : writeToken(table);
}

/** Address of the header name (part 0) or value (part 1) of a model's tag; 0 when none is written. */
export function tagAt(model: i32, part: i32): usize {
  const table = activeTable(0);
  const tag = tagToWrite(table, model);
  if (tag === 0) return 0;
  return spanStart(table, tag + (part === 0 ? TAG_HEADER : TAG_VALUE));
}

export function tagLength(model: i32, part: i32): i32 {
  const tag = tagToWrite(activeTable(0), model);
  return tag === 0 ? 0 : spanLength(tag + (part === 0 ? TAG_HEADER : TAG_VALUE));
}

/** Starts a walk over the forged headers of the request that was read. */
export function startForgedNames(): void {
  startForged(REQUEST);
}

/** Moves to the next one; false at the end. Then `forgedAt` and `forgedLength` name it. */
export function nextForgedName(): bool {
  return nextForged(activeTable(0));
}

export function forgedAt(): usize {
  return pairName;
}

export function forgedLength(): i32 {
  return pairNameLength;
}

/** Of the bytes at `requestStart`. */
export function sipHash(key0: u64, key1: u64, length: i32): u64 {
  return hashSip(key0, key1, REQUEST, length);
}

export function murmur3(length: i32): u32 {
  return hashMurmur3(REQUEST, length);
}
