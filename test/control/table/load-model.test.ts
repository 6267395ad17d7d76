import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { describeTable } from "../../../control/table/describe.ts";
import {
  compileFiles,
  featureTable,
  initFolder,
  loadModel,
  readModelFiles,
} from "../../../control/table/load-model.ts";
import { openScorer } from "../../../control/table/row-scorer.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "limen-model-"));
const ONNX = join(import.meta.dirname, "../../fixtures/onnx");
afterAll(() => rmSync(FOLDER, { recursive: true }));

const YAML = `limen: 1
name: shop
model: { file: model.onnx }
features:
  - { name: a, of: path, is: length }
  - { name: b, of: path, is: depth }
  - { name: c, of: path, is: entropy }
  - { name: d, of: headers, is: count }
  - { name: e, of: method, is: length }
  - { name: f, of: query, is: length }
tags: [{ value: low }, { value: high }]
bounds: { low: [0.1, 1] }
defaults: { cuts: { low: 0.2 }, objective: "alert:0.02" }
`;

function makeFolder(name: string, model: string, vectors?: string): string {
  const folder = join(FOLDER, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "model.yaml"), YAML);
  copyFileSync(join(ONNX, `${model}.onnx`), join(folder, "model.onnx"));
  if (vectors !== undefined) writeFileSync(join(folder, "vectors.csv"), vectors);
  return folder;
}

const VECTORS = `f,e,d,c,b,a,label
1,3,5,2.5,1,12,0
,4,9,3.5,2,,1
9,3,30,1,7,20,1
`;

describe("loadModel", () => {
  it("gives what a service needs of a folder", async () => {
    const model = await loadModel(makeFolder("whole", "lightgbm-binary"));
    expect(model).toMatchObject({
      ...{ name: "shop", tagNames: ["low", "high"], bounds: { low: [0.1, 1] } },
      presets: { cuts: { low: 0.2 }, objective: "alert:0.02" },
    });
    expect(model.digest).toMatch(/^[0-9a-f]{16}$/);
  });

  it("asks for a model.yaml", async () => {
    await expect(loadModel(join(ONNX, "lightgbm-binary.onnx"))).rejects.toThrow(
      "needs a model.yaml",
    );
  });
});

describe("compileFiles", () => {
  it("spans the raw scores of the vectors, and 1% more on both sides", async () => {
    const compiled = await compileFiles(
      readModelFiles(
        makeFolder(
          "linear",
          "sklearn-logistic",
          VECTORS.replace("2,,1", "2,8,1").replace("\n,4", "\n2,4"),
        ),
      ),
    );
    const scorer = openScorer();
    scorer.load(compiled.table);
    const rows = [
      [12, 1, 2.5, 5, 3, 1],
      [8, 2, 3.5, 9, 4, 2],
      [20, 7, 1, 30, 3, 9],
    ];
    const raws = rows.map((row) => scorer.score(0, Float32Array.from(row)).raw);
    const [lowest, highest] = [Math.min(...raws), Math.max(...raws)];
    const margin = (highest - lowest) * 0.01;
    expect(compiled.report.range).toEqual({
      lo: lowest - margin,
      hi: highest + margin,
      from: "vectors",
    });
    expect(compiled.report.binsUsed).toBe(3);
  });

  it("takes the range of the person over that of the vectors", async () => {
    const files = readModelFiles(makeFolder("asked", "lightgbm-binary", VECTORS));
    const { report } = await compileFiles(files, { range: [-2, 2] });
    expect(report.range).toEqual({ lo: -2, hi: 2, from: "asked" });
  });

  it("makes a table of the model alone: one segment, in shadow, all audit, no cuts", async () => {
    const { table } = await compileFiles(readModelFiles(makeFolder("alone", "lightgbm-binary")));
    expect(describeTable(table)).toMatchObject({
      ...{ serial: 0, audit: 1, segments: ["rest"], features: ["a", "b", "c", "d", "e", "f"] },
      models: [{ name: "shop", modes: ["shadow"], cuts: [[4096, 4096]] }],
    });
  });

  it("names the inputs of a bare file f0, f1, ...; in a proxy each is missing", async () => {
    const { table } = await compileFiles(readModelFiles(join(ONNX, "xgboost-binary.onnx")));
    const scorer = openScorer();
    scorer.load(table);
    expect(describeTable(table).features).toEqual(["f0", "f1", "f2", "f3", "f4", "f5"]);
    const vector = scorer.features({ method: "GET", path: "/", headers: {} });
    expect([...vector]).toEqual(new Array(6).fill(Number.NaN));
  });

  it("warns of few bins and of a linear model without answers for missing inputs", async () => {
    const files = readModelFiles(makeFolder("warned", "sklearn-logistic", VECTORS));
    const { report } = await compileFiles(files);
    expect(report.warnings.join("\n")).toMatch(/2 bins: cuts will jump\n.*missing input/);
  });
});

describe("initFolder", () => {
  it("writes a folder that compiles to the same digest of scores", async () => {
    const bare = await compileFiles(readModelFiles(join(ONNX, "xgboost-binary.onnx")));
    const folder = join(FOLDER, "fresh");
    const written = initFolder(folder, bare);
    expect(existsSync(written)).toBe(true);
    const again = await compileFiles(readModelFiles(folder));
    expect(again.score).toEqual(bare.score);
    expect(readFileSync(written, "utf8")).toContain("name: fresh");
  });

  it("leaves a model.yaml that is there alone", async () => {
    const bare = await compileFiles(readModelFiles(join(ONNX, "xgboost-binary.onnx")));
    const folder = makeFolder("taken", "xgboost-binary");
    expect(() => initFolder(folder, bare)).toThrow("is there already");
    expect(readFileSync(join(folder, "model.yaml"), "utf8")).toBe(YAML);
  });
});

describe("featureTable", () => {
  it("measures the features of a folder without its ONNX", () => {
    const folder = makeFolder("features", "xgboost-binary");
    rmSync(join(folder, "model.onnx"));
    const scorer = openScorer();
    scorer.load(featureTable(folder));
    const request = { method: "POST", path: "/ab/c?x=1", headers: { a: "1", b: "2", host: "h" } };
    expect([...scorer.features(request)]).toEqual([5, 2, Math.fround(1.9219280948873623), 2, 4, 3]);
  });
});

describe("readModelFiles", () => {
  it("says which file is missing", () => {
    const folder = join(FOLDER, "empty");
    mkdirSync(folder);
    expect(() => readModelFiles(folder)).toThrow("model.yaml: no such file");
    expect(() => readModelFiles(join(FOLDER, "no.onnx"))).toThrow("no.onnx: no such file");
  });
});
