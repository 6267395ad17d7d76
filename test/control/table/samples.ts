import type { Feature, Model, Table, TreeNode } from "../../../control/table/table.ts";

export const stump = (slot: number, threshold: number, low: number, high: number): TreeNode => ({
  slot,
  threshold,
  left: { leaf: [low] },
  right: { leaf: [high] },
});

export const FEATURES: readonly Feature[] = [
  { name: "path_length", of: "path", is: "length" },
  {
    name: "agent_bot",
    of: "header:User-Agent",
    is: "contains",
    any: ["bot", "crawl[a-z]r"],
    fold: true,
  },
  { name: "header_count", of: "headers", is: "count" },
  { name: "digits", of: "query", is: "digits", ratio: true },
];

export function sampleModel(change: Partial<Model> = {}): Model {
  return {
    name: "bot",
    slots: [
      { feature: 0, nan: "high" },
      { feature: 1, nan: "low" },
    ],
    kernel: {
      kind: "trees",
      trees: [stump(0, 10.5, -1, 0.5), { ...stump(1, 0.5, 0.25, 2), left: stump(0, 3, -2, 1) }],
      divisor: 1,
      accumulator: "f32",
    },
    base: [0.125],
    output: "logistic",
    class: 0,
    lo: -3,
    hi: 3,
    tags: [
      { header: "x-limen-bot", value: "suspect" },
      { header: "x-limen-bot", value: "bot" },
    ],
    modes: ["tag", "shadow"],
    cuts: [
      [1000, 2000],
      [4096, 4096],
    ],
    ...change,
  };
}

export function linearModel(change: Partial<Model> = {}): Model {
  return sampleModel({
    name: "linear",
    slots: [{ feature: 0, nan: "keep" }],
    kernel: { kind: "linear", weights: [[0.5]] },
    base: [-1],
    ...change,
  });
}

export function sampleTable(change: Partial<Table> = {}): Table {
  return {
    serial: 7,
    audit: 0.02,
    extra: 0.01,
    extraWidth: 64,
    candidate: 0,
    vector: 1,
    salt: 0x0123456789abcdefn,
    tokenKey: Uint8Array.from({ length: 16 }, (_, at) => at),
    trustMesh: false,
    token: true,
    record: true,
    features: FEATURES,
    models: [sampleModel()],
    segments: {
      of: "path",
      match: "prefix",
      names: ["rest", "checkout"],
      entries: [
        { text: "/checkout/help", segment: 0 },
        { text: "/checkout", segment: 1 },
        { text: "/cart", segment: 1 },
      ],
    },
    exempt: [{ of: "header:x-partner", match: "equals", text: "acme" }],
    ignored: ["x-request-id", "x-envoy-*"],
    ...change,
  };
}
