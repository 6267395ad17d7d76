import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mayRead } from "../../../control/table/privacy.ts";
import { buildModelSchema, checkModelSpec, parseModelSpec } from "../../../control/table/spec.ts";

const MODEL = {
  limen: 1,
  name: "bot",
  model: { file: "model.onnx", output: { class: 1 }, trained: "2026-11-21", data: "generated" },
  features: [
    { name: "header_count", of: "headers", is: "count" },
    { name: "fetch_none", of: "header:Sec-Fetch-Site", is: "equals", any: ["none"] },
  ],
  score: { range: "auto" },
  tags: [{ value: "suspect" }, { value: "bot", header: "x-limen-verdict" }],
  bounds: { suspect: [0.2, 1], bot: [0.4, 1] },
  defaults: { cuts: { suspect: 0.3, bot: 0.5 }, objective: "alert:0.02" },
  privacy: { reads: ["headers", "header:sec-fetch-*"] },
};
const check = (change: object) => checkModelSpec("model.yaml", { ...MODEL, ...change });

describe("checkModelSpec", () => {
  it("takes a whole model and writes tags under x-limen-NAME unless told", () => {
    expect(check({})).toMatchObject({
      ...{ name: "bot", file: "model.onnx", class: "1", range: "auto" },
      tags: [
        { header: "x-limen-bot", value: "suspect" },
        { header: "x-limen-verdict", value: "bot" },
      ],
      bounds: { suspect: [0.2, 1], bot: [0.4, 1] },
      defaults: { cuts: { suspect: 0.3, bot: 0.5 }, objective: "alert:0.02" },
    });
  });

  it("takes a model of name, features and one tag, without a range or a class of its own", () => {
    const { features, tags } = MODEL;
    const spec = checkModelSpec("m", {
      limen: 1,
      name: "a",
      model: {},
      features,
      tags: tags.slice(0, 1),
    });
    expect(spec).toMatchObject({
      file: "model.onnx",
      class: undefined,
      range: "auto",
      privacy: null,
    });
  });

  const REFUSED: readonly [string, object, string][] = [
    [
      "an unknown key, with the nearest",
      { feature: [] },
      'unknown key feature; the nearest known key is "features"',
    ],
    [
      "an unknown key of a feature",
      { features: [{ name: "a", of: "path", is: "depth", fodl: true }] },
      'the nearest known key is "fold"',
    ],
    ["a key of a later version", { windows: [] }, "windows is not in this version"],
    ["another version of the file", { limen: 2 }, "limen"],
    [
      "a measure that is none",
      { features: [{ name: "a", of: "path", is: "deep" }] },
      "features.0.is",
    ],
    [
      "two features of one name",
      { features: [MODEL.features[0], MODEL.features[0]] },
      '"header_count" is given twice',
    ],
    ["two tags of one value", { tags: [{ value: "a" }, { value: "a" }] }, '"a" is given twice'],
    ["bounds of no tag", { bounds: { bots: [0, 1] } }, 'bounds: no tag "bots"'],
    ["a cut outside its bounds", { defaults: { cuts: { bot: 0.3 } } }, "0.3 is outside its bounds"],
    [
      "cuts that descend",
      { defaults: { cuts: { suspect: 0.6, bot: 0.5 } } },
      "below the cut of an earlier tag",
    ],
    [
      "a feature that reads more than privacy says",
      { privacy: { reads: ["headers"] } },
      'feature "fetch_none" reads header:Sec-Fetch-Site',
    ],
  ];
  for (const [name, change, message] of REFUSED) {
    it(`refuses ${name}`, () => {
      expect(() => check(change)).toThrow(message);
    });
  }
});

describe("parseModelSpec", () => {
  it("names the file in an error of YAML", () => {
    expect(() => parseModelSpec("bot/model.yaml", "name: [a")).toThrow("bot/model.yaml: ");
  });

  it("reads weights of grams as float32", () => {
    const text = `limen: 1
name: a
model: {}
features: [{ name: g, of: path, is: grams, gram: 3, weights: [0.1, 2] }]
tags: [{ value: t }]`;
    expect(parseModelSpec("m", text).features[0]?.weights).toEqual(Float32Array.of(0.1, 2));
  });
});

describe("mayRead", () => {
  it("takes a trailing * as any ending and names of headers in any case", () => {
    expect(mayRead(["header:sec-fetch-*"], "header:Sec-Fetch-Mode")).toBe(true);
    expect(mayRead(["header:sec-fetch-*"], "header:sec-ch-ua")).toBe(false);
  });

  it("does not take the header block for single headers, nor the other way", () => {
    expect(mayRead(["headers"], "header:cookie")).toBe(false);
    expect(mayRead(["header:*"], "headers")).toBe(false);
  });

  it("lets the target be read by who may read path and query", () => {
    expect(mayRead(["path", "query"], "target")).toBe(true);
    expect(mayRead(["path"], "target")).toBe(false);
  });
});

describe("models/model.schema.json", () => {
  it('is what the schema of today gives; "npm run schemas" writes it', () => {
    const path = new URL("../../../models/model.schema.json", import.meta.url);
    const stored: unknown = JSON.parse(readFileSync(path, "utf8"));
    expect(stored).toEqual(JSON.parse(JSON.stringify(buildModelSchema())));
  });
});
