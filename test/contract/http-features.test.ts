import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { aRequest, someTable } from "../support/builders.ts";
import { startFilter, vectorOf } from "../support/host-filter.ts";
import { HTTP_FEATURES } from "../support/http-features.ts";

const FILE = join(import.meta.dirname, "../../../shared/data/http/features_golden.jsonl.gz");

type Golden = {
  method: string;
  path: string;
  headers: Record<string, string>;
  features: (number | null)[];
};

function readGolden(): Golden[] {
  const lines = gunzipSync(readFileSync(FILE)).toString("utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("the 28 lexical features", () => {
  it("are those of the golden requests, bit by bit", () => {
    if (!existsSync(FILE)) {
      process.stdout.write("no golden requests beside the checkout: the comparison passes by\n");
      return;
    }
    const { filter } = startFilter(someTable({ features: HTTP_FEATURES }));
    const golden = readGolden();
    const wrong = golden.flatMap(({ method, path, headers, features }) => {
      const seen = vectorOf(filter, aRequest({ method, path, headers: Object.entries(headers) }));
      const right = features.map((value) => (value === null ? Number.NaN : Math.fround(value)));
      return seen.flatMap((value, at) =>
        Object.is(value, right[at]) ? [] : [{ path, name: HTTP_FEATURES[at]?.name, value, at }],
      );
    });
    expect(golden.length).toBeGreaterThan(300);
    expect(wrong).toEqual([]);
  });
});
