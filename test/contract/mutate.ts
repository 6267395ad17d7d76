import { crc32 } from "node:zlib";
import * as layout from "../../models/table-layout.ts";

/** A copy with the CRC of its bytes, whatever they are: what an attacker with a tool would send. */
export function withCrc(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length >= layout.HEAD_DIGEST) {
    copy.writeUInt32LE(crc32(copy.subarray(layout.HEAD_DIGEST)), layout.HEAD_CRC);
  }
  return copy;
}

/** A changed copy, its CRC made right again. */
export function changed(bytes: Uint8Array, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return withCrc(copy);
}

export type SectionPlace = {
  kind: number;
  index: number;
  /** Of its entry in the directory. */
  entry: number;
  offset: number;
  length: number;
};

export function listSections(bytes: Uint8Array): SectionPlace[] {
  const view = Buffer.from(bytes);
  return Array.from({ length: view.readUInt32LE(layout.HEAD_SECTIONS) }, (_, at) => {
    const entry = layout.HEAD_SIZE + at * layout.SECTION_SIZE;
    return {
      entry,
      kind: view.readUInt32LE(entry + layout.SECTION_KIND),
      index: view.readUInt32LE(entry + layout.SECTION_INDEX),
      offset: view.readUInt32LE(entry + layout.SECTION_OFFSET),
      length: view.readUInt32LE(entry + layout.SECTION_LENGTH),
    };
  });
}

export function findSection(bytes: Uint8Array, kind: number, index = 0): SectionPlace {
  const found = listSections(bytes).find((place) => place.kind === kind && place.index === index);
  if (found === undefined) throw new Error(`no section of kind ${kind}, index ${index}`);
  return found;
}
