import { BYTES_POOL_MAX } from "../../models/limits.ts";
import { createWriter } from "./bytes.ts";
import { checkCap } from "./cap.ts";

export type Span = { offset: number; length: number };

/** Keeps one copy of equal byte strings; spans point into it. */
export type BytePool = {
  add: (text: string | Uint8Array) => Span;
  done: () => Uint8Array;
};

const ENCODER = new TextEncoder();

/** UTF-8 of a text, bytes as they are. */
export function toBytes(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? ENCODER.encode(text) : text;
}

export function createPool(): BytePool {
  const writer = createWriter();
  const known = new Map<string, Span>();
  return {
    add(text) {
      const bytes = toBytes(text);
      if (bytes.length === 0) return { offset: 0, length: 0 };
      const key = Buffer.from(bytes).toString("latin1");
      const found = known.get(key);
      if (found) return found;
      const span = { offset: writer.length(), length: bytes.length };
      writer.bytes(bytes);
      known.set(key, span);
      return span;
    },
    done() {
      checkCap("bytes of all names and values", writer.length(), BYTES_POOL_MAX);
      return writer.done();
    },
  };
}

/** A list without repeats: `add` gives the index of an item, the same one for the same key. */
export type Shared<Item> = {
  add: (key: string, build: () => Item) => number;
  items: () => readonly Item[];
};

export function createShared<Item>(): Shared<Item> {
  const items: Item[] = [];
  const known = new Map<string, number>();
  return {
    add(key, build) {
      const found = known.get(key);
      if (found !== undefined) return found;
      // `build` may add to this list itself, so the index is taken afterwards.
      const item = build();
      known.set(key, items.length);
      items.push(item);
      return items.length - 1;
    },
    items: () => items,
  };
}
