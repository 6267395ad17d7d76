import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { encodeTable } from "../../../control/table/encode.ts";
import { linearModel, sampleModel, sampleTable } from "./samples.ts";

const ROOT = join(import.meta.dirname, "../../..");
const FOLDER = mkdtempSync(join(tmpdir(), "limen-verbs-"));
const ONNX = join(ROOT, "test/fixtures/onnx");
afterAll(() => rmSync(FOLDER, { recursive: true }));

type Ran = { code: number; out: string; error: string };

/** Runs the real program as typed in `FOLDER`, as npm scripts run it: from the project's folder. */
async function limen(...args: string[]): Promise<Ran> {
  const env = { ...process.env, INIT_CWD: FOLDER };
  const words = [join(ROOT, "control/cli/limen.js"), ...args];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words, {
      cwd: ROOT,
      env,
    });
    return { code: 0, out: stdout, error: stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(FOLDER, name), content);
  return name;
};

describe("limen compile", () => {
  it("writes table and report beside where it was typed, and verifies", async () => {
    const onnx = join(ONNX, "lightgbm-binary.onnx");
    const ran = await limen("compile", onnx, "--out", "l.table", "--report", "l.json", "--verify");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("verified on 10000 rows: raw sums differ in 0 rows");
    expect(readFileSync(join(FOLDER, "l.table")).toString("latin1", 0, 4)).toBe("LIMN");
    const report = JSON.parse(readFileSync(join(FOLDER, "l.json"), "utf8"));
    expect(report).toMatchObject({ kernel: "trees", trees: 20, verified: { passed: true } });
  });

  it("ends with 1 and one line for a model of three classes without --class", async () => {
    const ran = await limen("compile", join(ONNX, "xgboost-three.onnx"));
    expect(ran.code).toBe(1);
    expect(ran.error).toMatch(/^limen: .*3 classes \(0, 1, 2\); choose one by --class\n$/);
  });

  it("ends with 2 for a range that is none", async () => {
    const ran = await limen("compile", join(ONNX, "modes-1.onnx"), "--range", "5,-5");
    expect(ran.code).toBe(2);
    expect(ran.error).toContain("two numbers, the lower first");
  });
});

describe("limen score", () => {
  const table = put(
    "two.table",
    encodeTable(sampleTable({ models: [sampleModel(), linearModel()] })),
  );

  it("prints row, raw, score and bin, with an empty bin where there is no score", async () => {
    const inputs = put("in.csv", "digits,header_count,agent_bot,path_length\n0,5,1,4\n0,5,1,\n");
    const ran = await limen(
      "score",
      "--table",
      table,
      "--inputs",
      inputs,
      "--model",
      "linear",
      "-o",
      "csv",
    );
    // 0.5 * 4 - 1, its logistic, and floor((1 + 3) * 4096 / 6).
    expect(ran.out).toBe("row,raw,score,bin\n0,1,0.7310586,2730\n1,NaN,NaN,\n");
  });

  it("asks which of two models", async () => {
    const inputs = put("in2.csv", "digits,header_count,agent_bot,path_length\n");
    const ran = await limen("score", "--table", table, "--inputs", inputs);
    expect(ran).toMatchObject({ code: 2, error: "limen: --model: one of bot, linear\n" });
  });

  it("refuses a table the filter refuses, with the filter's reason", async () => {
    const broken = Buffer.from(readFileSync(join(FOLDER, table)));
    broken[broken.length - 1] = 1;
    const inputs = put("in3.csv", "digits,header_count,agent_bot,path_length\n1,1,1,1\n");
    const ran = await limen(
      "score",
      "--table",
      put("broken.table", broken),
      "--inputs",
      inputs,
      "--model",
      "bot",
    );
    expect(ran.code).toBe(1);
    expect(ran.error).toBe("limen: table: the filter refuses it: crc\n");
  });
});

describe("limen features", () => {
  const table = put("f.table", encodeTable(sampleTable()));
  const lines = [
    { method: "GET", path: "/abc?x=12", headers: { "user-agent": "GoogleBOT", "x-envoy-id": "1" } },
    { method: "GET", path: "/", headers: { Accept: "*/*" } },
  ];

  it("prints names, then a line a request, missing values empty", async () => {
    const text = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
    const requests = put("r.jsonl.gz", gzipSync(text));
    const ran = await limen("features", "--requests", requests, "--table", table, "-o", "csv");
    expect(ran.out).toBe("path_length,agent_bot,header_count,digits\n4,1,1,0.5\n1,,1,0\n");
  });

  it("names the line that is no request", async () => {
    const requests = put("bad.jsonl", `${JSON.stringify(lines[0])}\n{"method": "GET"}\n`);
    const ran = await limen("features", "--requests", requests, "--table", table);
    expect(ran.code).toBe(1);
    expect(ran.error).toMatch(/bad\.jsonl:2: "path"/);
  });
});
