import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floatBelow, roundBelow, roundDown } from "../../../../control/table/onnx/floats.ts";
import { type Branch, createFolding, foldTree } from "../../../../control/table/onnx/fold.ts";
import type { Slot, TreeNode } from "../../../../control/table/table.ts";

const F32_MAX = 3.4028234663852886e38;
const MODES = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"].map((mode) => `BRANCH_${mode}`);
// A small grid, so that ties and both neighbours happen.
const GRID = [-1.5, -1, -(2 ** -149), 0, 2 ** -149, 1, 1.0000001192092896, 1.5, Math.fround(1e30)];

/** What ONNX says of a node: the meaning of each mode, spelled out. */
function walkBranch(branch: Branch, row: readonly number[]): readonly number[] {
  if ("leaf" in branch) return branch.leaf;
  const x = row[branch.feature] ?? Number.NaN;
  const { mode, value } = branch;
  let passes = false;
  if (mode === "BRANCH_NEQ") passes = x !== value;
  else if (Number.isNaN(x)) passes = branch.tracksTrue;
  else if (mode === "BRANCH_LEQ") passes = x <= value;
  else if (mode === "BRANCH_LT") passes = x < value;
  else if (mode === "BRANCH_GTE") passes = x >= value;
  else if (mode === "BRANCH_GT") passes = x > value;
  else passes = x === value;
  return walkBranch(passes ? branch.whenTrue : branch.whenFalse, row);
}

/** What the filter does with a folded tree: NaN by side, infinities as the largest floats. */
function walkTree(
  node: TreeNode,
  slots: readonly Slot[],
  row: readonly number[],
): readonly number[] {
  if ("leaf" in node) return node.leaf;
  const slot = slots[node.slot];
  const x = row[slot?.feature ?? 0] ?? Number.NaN;
  const side = slot?.nan === "low" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const input = Number.isNaN(x) ? side : Math.min(Math.max(x, -F32_MAX), F32_MAX);
  return walkTree(input <= node.threshold ? node.left : node.right, slots, row);
}

const leaf = fc.nat(1000).map((value): Branch => ({ leaf: [value] }));
const tree = fc.letrec<{ branch: Branch }>((tie) => ({
  branch: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.record({
      mode: fc.constantFrom(...MODES),
      feature: fc.nat(2),
      value: fc.constantFrom(...GRID),
      tracksTrue: fc.boolean(),
      whenTrue: tie("branch"),
      whenFalse: tie("branch"),
    }),
  ),
})).branch;
const cell = fc.constantFrom(...GRID, Number.NaN, -0, F32_MAX, -F32_MAX);
const row = fc.array(cell, { minLength: 3, maxLength: 3 });

const fold = (branch: Branch): { tree: TreeNode; slots: Slot[]; made: number } => {
  const slots: Slot[] = [];
  const folding = createFolding(slots);
  return { tree: foldTree(folding, branch), slots, made: folding.made };
};

const node = (
  mode: string,
  value: number,
  tracksTrue = false,
  rest: Branch = { leaf: [0] },
): Branch => ({
  mode: `BRANCH_${mode}`,
  ...{ feature: 0, value, tracksTrue, whenTrue: { leaf: [1] }, whenFalse: rest },
});

describe("foldTree", () => {
  it("leads every row to the leaf ONNX leads it to, for any mix of modes and NaN rules", () => {
    fc.assert(
      fc.property(tree, fc.array(row, { minLength: 20, maxLength: 20 }), (branch, rows) => {
        const folded = fold(branch);
        for (const each of rows) {
          expect(walkTree(folded.tree, folded.slots, each)).toEqual(walkBranch(branch, each));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("takes double thresholds as ONNX compares float inputs with them", () => {
    const between = 1.00000005;
    fc.assert(
      fc.property(fc.constantFrom(...MODES), fc.boolean(), row, (mode, tracksTrue, each) => {
        const branch = { ...node("LEQ", between, tracksTrue), mode } as Branch;
        const folded = fold(branch);
        expect(walkTree(folded.tree, folded.slots, each)).toEqual(walkBranch(branch, each));
      }),
    );
  });

  it("gives a feature two slots only when missing values go both ways", () => {
    expect(fold(node("LEQ", 1, true)).slots).toEqual([{ feature: 0, nan: "low" }]);
    expect(fold(node("LEQ", 1, true, node("LEQ", 2))).slots).toEqual([{ feature: 0, nan: "low" }]);
    const both = fold({ ...node("LEQ", 1), whenFalse: node("LEQ", 2, true) } as Branch);
    expect(both.slots.map((slot) => slot.nan).sort()).toEqual(["high", "low"]);
  });

  it("grows by a fixed number of nodes for each category of a chain of equalities", () => {
    const chain = (length: number): Branch =>
      length === 0 ? { leaf: [0] } : node("EQ", length, false, chain(length - 1));
    const sizes = [10, 20, 30].map((length) => fold(chain(length)).made);
    expect((sizes[2] ?? 0) - (sizes[1] ?? 0)).toBe((sizes[1] ?? 0) - (sizes[0] ?? 0));
  });

  it("passes everything under an infinite upper threshold, as ONNX does", () => {
    const branch = node("LEQ", Number.POSITIVE_INFINITY);
    const folded = fold(branch);
    for (const x of [F32_MAX, 0, Number.NaN]) {
      expect(walkTree(folded.tree, folded.slots, [x])).toEqual(walkBranch(branch, [x]));
    }
  });

  for (const [mode, value] of [
    ["LT", Number.POSITIVE_INFINITY],
    ["GTE", Number.POSITIVE_INFINITY],
    ["EQ", Number.POSITIVE_INFINITY],
    ["NEQ", Number.NEGATIVE_INFINITY],
    ["LEQ", Number.NEGATIVE_INFINITY],
    ["LT", -F32_MAX],
    ["LEQ", Number.NaN],
  ] as const) {
    it(`refuses ${mode} ${value}, which an infinite input tells apart`, () => {
      expect(() => fold(node(mode, value))).toThrow(`BRANCH_${mode} with threshold ${value}`);
    });
  }

  it("refuses the split mode of sets", () => {
    expect(() => fold(node("MEMBER", 1))).toThrow("split mode BRANCH_MEMBER is not compiled");
  });
});

describe("floatBelow", () => {
  it("is the next float32 down, through zero and subnormals", () => {
    expect([1, -1, 0, -0, 2 ** -149].map(floatBelow)).toEqual([
      1 - 2 ** -24,
      -1 - 2 ** -23,
      -(2 ** -149),
      -(2 ** -149),
      0,
    ]);
  });
});

describe("roundDown and roundBelow", () => {
  it("are the largest float32 not above, and below, a double", () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.double({ min: -1e38, max: 1e38, noNaN: true }), float, (value, x) => {
        const other = Math.fround(x);
        expect(other <= roundDown(value)).toBe(other <= value);
        expect(other <= roundBelow(value)).toBe(other < value);
      }),
    );
  });
});
