import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { featureTable } from "../../control/table/load-model.ts";
import { openScorer } from "../../control/table/row-scorer.ts";

type Row = {
  method: string;
  path: string;
  headers: Record<string, string>;
  features: (number | null)[];
};

const ROOT = join(import.meta.dirname, "../..");
const FILE = join(ROOT, "../shared/data/http/features_golden.jsonl.gz");

describe("the 28 features of the http set, said in yaml", () => {
  const scorer = openScorer();
  scorer.load(featureTable(join(ROOT, "test/fixtures/tables/http28.yaml")));

  it("are those of a request counted by hand", () => {
    const request = {
      method: "GET",
      path: "/a-b/c.d/..%2e/x.PHP?id=42&q=%3CB%20+%ff'--",
      headers: { host: "a", "content-length": "7" },
    };
    const counted = [20, 4, 1, 1, 1, 5, 4, 3, 22, 2];
    expect([...scorer.features(request)].slice(0, 10)).toEqual(counted);
    expect(scorer.features(request)[27]).toBe(7);
  });

  it("are the recorded vectors, exactly, when those are beside the checkout", () => {
    if (!existsSync(FILE)) {
      process.stdout.write("recorded vectors beside the checkout are not there\n");
      return;
    }
    const lines = gunzipSync(readFileSync(FILE)).toString("utf8").trim().split("\n");
    for (const line of lines) {
      const row = JSON.parse(line.replaceAll("NaN", "null")) as Row;
      const expected = row.features.map((value) => Math.fround(value ?? Number.NaN));
      expect([...scorer.features(row)]).toEqual(expected);
    }
    expect(lines.length).toBeGreaterThan(100);
  });
});
