// Headers only the filter may write: x-limen-*, in any case, `_` counted as `-`, because CGI-style
// applications fold both into one name.

import * as layout from "../models/table-layout";
import { equalBytes, foldByte } from "./bytes";
import {
  countModels,
  flagsOf,
  modelSection,
  modelSectionLength,
  spanLength,
  spanStart,
} from "./table";

// "x-limen-"
const PREFIX: usize = memory.data<u8>([0x78, 0x2d, 0x6c, 0x69, 0x6d, 0x65, 0x6e, 0x2d]);
const PREFIX_LENGTH: i32 = 8;

export function isReserved(name: usize, length: i32): bool {
  if (length < PREFIX_LENGTH || foldByte(load<u8>(name)) !== 0x78) return false;
  for (let at = 0; at < PREFIX_LENGTH; at++) {
    const byte: i32 = load<u8>(name + at);
    if ((byte === 0x5f ? 0x2d : foldByte(byte)) !== (load<u8>(PREFIX + at) as i32)) return false;
  }
  return true;
}

/** Under trust: mesh a reserved header stays when its name is spelled as we write it. */
export function isTrusted(table: usize, name: usize, length: i32): bool {
  if ((flagsOf(table) & layout.FLAG_TRUST_MESH) === 0) return false;
  for (let at = 0; at < length; at++) {
    const byte: i32 = load<u8>(name + at);
    if (byte === 0x5f || foldByte(byte) !== byte) return false;
  }
  return true;
}

/** Whether a reserved header is a tag of the table. */
export function isCarriedTag(table: usize, name: usize, length: i32): bool {
  const models = countModels(table);
  for (let model = 0; model < models; model++) {
    const tags = modelSection(table, layout.KIND_TAGS, model);
    const end = tags + modelSectionLength(table, layout.KIND_TAGS, model);
    for (let tag = tags; tag < end; tag += layout.TAG_SIZE) {
      const header = tag + layout.TAG_HEADER;
      if (spanLength(header) !== length) continue;
      if (equalBytes(name, spanStart(table, header), length)) return true;
    }
  }
  return false;
}
