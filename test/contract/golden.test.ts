import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createScorer } from "../../control/scorer.ts";
import { describeTable } from "../../control/table/describe.ts";
import { GOLDEN, GOLDEN_FOLDER } from "./golden-tables.ts";

describe("golden tables", () => {
  for (const [name, build] of Object.entries(GOLDEN)) {
    const stored = readFileSync(new URL(name, GOLDEN_FOLDER));

    it(`${name} is what the writer writes today; "npm run golden" after a change of layout`, () => {
      expect(stored.equals(build())).toBe(true);
    });

    it(`${name} is in layout 1`, () => {
      expect(stored.readUInt16LE(4)).toBe(1);
    });
  }

  for (const name of Object.keys(GOLDEN)) {
    it(`${name} is taken by the filter`, () => {
      const stored = readFileSync(new URL(name, GOLDEN_FOLDER));
      expect(createScorer().load(stored)).toBe(0);
    });
  }

  it("names all 28 features of the http set", () => {
    const stored = readFileSync(new URL("http28.table", GOLDEN_FOLDER));
    expect(describeTable(stored).features).toHaveLength(28);
  });
});
