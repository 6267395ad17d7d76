import { describe, expect, it } from "vitest";
import { stripSource } from "../../control/write-package.ts";

const strip = (text: string, file = "control/cli/run.ts") =>
  stripSource(file, text, (target) => target === "control/errors.js");

describe("stripSource", () => {
  const imports: readonly [string, string][] = [
    ['import { fail } from "../errors.ts";', 'import { fail } from "../errors.js";'],
    ['export { fail } from "../errors.ts";', 'export { fail } from "../errors.js";'],
    ['import "../errors.ts";', 'import "../errors.js";'],
    ['await import("../errors.ts");', 'await import("../errors.js");'],
    ['import {\n  fail,\n} from "../errors.ts";', 'import {\n  fail,\n} from "../errors.js";'],
  ];
  it.each(imports)("turns %j to the script", (source, script) => {
    expect(strip(source)).toBe(script);
  });

  it("turns the imports of plain JavaScript too", () => {
    expect(strip('import("../errors.ts")', "control/cli/limen.js")).toBe('import("../errors.js")');
  });

  it("takes types away and keeps every line and column", () => {
    const source = "type A = 1;\nconst a: A = 1;\nthrow a;";
    const script = strip(source);
    expect(script).not.toMatch(/type|: A/);
    expect(script.split("\n").map((line) => line.length)).toEqual([11, 15, 8]);
    expect(script.indexOf("throw")).toBe(source.indexOf("throw"));
  });

  it("drops an import of types alone, whether it is packed or not", () => {
    expect(strip('import type { A } from "./gone.ts";').trim()).toBe("");
  });

  it("leaves a text that speaks of a source alone", () => {
    const source = 'const text = "see control/errors.ts";';
    expect(strip(source)).toBe(source);
  });

  it("refuses an import of what is not packed", () => {
    expect(() => strip('import "../gone.ts";')).toThrow(
      "control/cli/run.ts: imports control/gone.js, which is not packed",
    );
  });

  it("refuses a source that is named outside an import", () => {
    expect(() => strip('new URL("./child.ts", import.meta.url)')).toThrow(
      'control/cli/run.ts: names the source "./child.ts" outside an import',
    );
  });
});
