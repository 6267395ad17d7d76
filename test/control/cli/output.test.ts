import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { type Column, formatRows, wrapText } from "../../../control/cli/output.ts";

type Row = { name: string; n: number | null };
const rows: readonly Row[] = [
  { name: 'a "b", c', n: 1 },
  { name: "line\nbreak", n: null },
];
const columns: readonly Column<Row>[] = [
  { title: "name", of: (row) => row.name },
  { title: "n", of: (row) => row.n, wide: true },
];

describe("wrapText", () => {
  it("fills lines up to the width", () => {
    expect(wrapText("aa bb cc dd", 5)).toEqual(["aa bb", "cc dd"]);
  });

  it("leaves a word whole that is longer than the width", () => {
    expect(wrapText("a bcdefgh i", 3)).toEqual(["a", "bcdefgh", "i"]);
  });
});

describe("formatRows", () => {
  it("shows the wide columns only when asked", () => {
    const first = (format: "table" | "wide") => formatRows(rows, columns, format).split("\n")[0];
    expect([first("table"), first("wide")]).toEqual([
      "NAME",
      `${"NAME".padEnd("line break".length)}  N`,
    ]);
  });

  it("writes CSV that a CSV reader reads back", () => {
    expect(parse(formatRows(rows, columns, "csv"))).toEqual([
      ["name", "n"],
      ['a "b", c', "1"],
      ["line\nbreak", ""],
    ]);
  });

  it("writes YAML that reads back as the whole", () => {
    expect(parseYaml(formatRows(rows, columns, "yaml", { a: [1, null] }))).toEqual({
      a: [1, null],
    });
  });

  it("writes JSON of the rows where no whole is given", () => {
    expect(JSON.parse(formatRows(rows, columns, "json"))).toEqual(rows);
  });
});
