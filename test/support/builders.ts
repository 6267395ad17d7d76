import { encodeTable } from "../../control/table/encode.ts";
import type { Model, Table, TreeNode } from "../../control/table/table.ts";
import type { Header } from "./proxy-wasm/header-map.ts";
import type { Request } from "./proxy-wasm/stream.ts";

/** A leaf of a tree: one value a class. */
export function aLeaf(...values: readonly number[]): TreeNode {
  return { leaf: values };
}

/** A tree of one split on a slot: `low` at or below the threshold, `high` above it. */
export function aTree(slot: number, threshold: number, low: number, high: number): TreeNode {
  return { slot, threshold, left: aLeaf(low), right: aLeaf(high) };
}

/**
 * A linear model of one slot with weight 1 over the range 0 to 4096: the bin is the value of feature
 * 0. It tags `x-limen-bot: bot` from bin 2048 on.
 */
export function aModel(overrides: Partial<Model> = {}): Model {
  return {
    name: "bot",
    slots: [{ feature: 0, nan: "keep" }],
    kernel: { kind: "linear", weights: [[1]] },
    base: [0],
    output: "identity",
    class: 0,
    lo: 0,
    hi: 4096,
    tags: [{ header: "x-limen-bot", value: "bot" }],
    modes: ["tag"],
    cuts: [[2048]],
    ...overrides,
  };
}

/** A model of trees on slot 0 (missing is low), with the range of `aModel`. */
export function aForest(trees: readonly TreeNode[], overrides: Partial<Model> = {}): Model {
  return aModel({
    slots: [{ feature: 0, nan: "low" }],
    kernel: { kind: "trees", trees, divisor: 1, accumulator: "f32" },
    ...overrides,
  });
}

export const A_TOKEN_KEY = Uint8Array.from({ length: 16 }, (_, index) => index);

/**
 * A table of one model and one feature, the number in the header `x-score`. Every record carries
 * its vector; nothing is drawn.
 */
export function aTable(overrides: Partial<Table> = {}): Table {
  return {
    serial: 1,
    audit: 0,
    extra: 0,
    extraWidth: 0,
    candidate: 0,
    vector: 1,
    salt: 0x0123456789abcdefn,
    tokenKey: A_TOKEN_KEY,
    trustMesh: false,
    token: false,
    record: true,
    features: [{ name: "score", of: "header:x-score", is: "number" }],
    models: [aModel()],
    segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
    exempt: [],
    ignored: [],
    ...overrides,
  };
}

/** The bytes of `aTable`. */
export function someTable(overrides: Partial<Table> = {}): Uint8Array {
  return encodeTable(aTable(overrides));
}

export type RequestParts = {
  method?: string;
  path?: string;
  authority?: string;
  /** Sent as `x-score`, the feature of `aTable`. */
  score?: number | string;
  headers?: readonly Header[];
  properties?: Readonly<Record<string, string | Buffer>>;
};

/** A GET of `/` with the headers given after the pseudo headers. Values are latin1 byte strings. */
export function aRequest(parts: RequestParts = {}): Request {
  const { method = "GET", path = "/", authority = "shop.example", score, headers = [] } = parts;
  const pseudo: Header[] = [
    [":authority", authority],
    [":path", path],
    [":method", method],
    [":scheme", "https"],
  ];
  const scored: Header[] = score === undefined ? [] : [["x-score", String(score)]];
  const properties = Object.entries(parts.properties ?? {}).map(
    ([name, value]) => [name, Buffer.from(value)] as const,
  );
  return { headers: [...pseudo, ...scored, ...headers], properties: new Map(properties) };
}
