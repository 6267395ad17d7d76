import { NODES_MAX } from "../../../models/limits.ts";
import { LimenError } from "../../errors.ts";
import type { Slot, TreeNode } from "../table.ts";
import { F32_MAX, roundBelow, roundDown } from "./floats.ts";

/** A node as ONNX has it. */
export type Branch =
  | { leaf: readonly number[] }
  | {
      mode: string;
      feature: number;
      value: number;
      /** Missing values take the true branch. */
      tracksTrue: boolean;
      whenTrue: Branch;
      whenFalse: Branch;
    };

type Split = Exclude<Branch, { leaf: unknown }>;
type Side = "low" | "high";

/** What a request can still hold in one feature at a node: numbers in (above, upTo], or nothing. */
type Range = { above: number; upTo: number; missing: boolean };
type Ranges = ReadonlyMap<number, Range>;

const EVERYTHING: Range = { above: Number.NEGATIVE_INFINITY, upTo: F32_MAX, missing: true };

export type Folding = {
  /** The slot of a feature whose missing value goes left (low) or right (high). */
  slotOf: (feature: number, side: Side) => number;
  /** A side this feature already has a slot for, for nodes no missing value reaches. */
  knownSide: (feature: number) => Side | undefined;
  /** Nodes made so far, over all trees. */
  made: number;
};

/** Slots in the order of first use; a feature gets two only when trees need both sides. */
export function createFolding(slots: Slot[]): Folding {
  const known = new Map<string, number>();
  return {
    made: 0,
    knownSide: (feature) =>
      (["low", "high"] as const).find((side) => known.has(`${feature}:${side}`)),
    slotOf(feature, side) {
      const key = `${feature}:${side}`;
      const found = known.get(key);
      if (found !== undefined) return found;
      known.set(key, slots.length);
      slots.push({ feature, nan: side });
      return slots.length - 1;
    },
  };
}

type Sides = { below: (ranges: Ranges) => TreeNode; above: (ranges: Ranges) => TreeNode };

const possible = (range: Range): boolean => range.missing || range.above < range.upTo;

/**
 * One `x <= t`. A side that no value can reach any more is left out: an equality becomes two nodes,
 * and chains of them would otherwise repeat their rest again and again.
 */
function split(
  folding: Folding,
  ranges: Ranges,
  feature: number,
  threshold: number,
  missing: Side,
  sides: Sides,
): TreeNode {
  const range = ranges.get(feature) ?? EVERYTHING;
  const below: Range = {
    above: range.above,
    upTo: Math.min(range.upTo, threshold),
    missing: range.missing && missing === "low",
  };
  const above: Range = {
    above: Math.max(range.above, threshold),
    upTo: range.upTo,
    missing: range.missing && missing === "high",
  };
  if (!possible(below)) return sides.above(ranges);
  if (!possible(above)) return sides.below(ranges);
  folding.made += 1;
  if (folding.made > NODES_MAX) {
    throw new LimenError(
      "refused",
      `ONNX: trees: more than the cap of ${NODES_MAX} nodes when folded`,
    );
  }
  const side = range.missing ? missing : (folding.knownSide(feature) ?? missing);
  return {
    slot: folding.slotOf(feature, side),
    threshold,
    left: sides.below(new Map(ranges).set(feature, below)),
    right: sides.above(new Map(ranges).set(feature, above)),
  };
}

function refuseThreshold(node: Split): LimenError {
  return new LimenError(
    "refused",
    `ONNX: trees: ${node.mode} with threshold ${node.value} on input ${node.feature} cannot be said as x <= t`,
  );
}

/** t for `x <= t`, the largest float32 that passes; +infinity is the largest float. */
function closedThreshold(node: Split): number {
  const threshold = node.value === Number.POSITIVE_INFINITY ? F32_MAX : roundDown(node.value);
  if (Number.isFinite(threshold)) return threshold;
  throw refuseThreshold(node);
}

/** t for `x < value` as `x <= t`. */
function openThreshold(node: Split): number {
  const threshold = Number.isFinite(node.value) ? roundBelow(node.value) : Number.NaN;
  if (Number.isFinite(threshold)) return threshold;
  throw refuseThreshold(node);
}

/** `x == value`: two nodes; `equal` is taken by the value, `missing` says where NaN goes. */
function foldEquality(
  folding: Folding,
  ranges: Ranges,
  node: Split,
  equal: Branch,
  other: Branch,
  missingIsEqual: boolean,
): TreeNode {
  const { feature } = node;
  const below = openThreshold(node);
  const toOther = (inner: Ranges): TreeNode => foldBranch(folding, inner, other);
  const toEqual = (inner: Ranges): TreeNode => foldBranch(folding, inner, equal);
  if (Math.fround(node.value) !== node.value) {
    // No float32 equals it: only a missing value can be sent to `equal`.
    if (!missingIsEqual) return toOther(ranges);
    return split(folding, ranges, feature, F32_MAX, "high", { below: toOther, above: toEqual });
  }
  // A missing value that counts as equal goes left at the first node and right at the second.
  return split(folding, ranges, feature, node.value, missingIsEqual ? "low" : "high", {
    above: toOther,
    below: (inner) =>
      split(folding, inner, feature, below, "high", { below: toOther, above: toEqual }),
  });
}

function foldSplit(folding: Folding, ranges: Ranges, node: Split): TreeNode {
  const { feature, whenTrue, whenFalse, tracksTrue } = node;
  const fold = (branch: Branch) => (inner: Ranges) => foldBranch(folding, inner, branch);
  switch (node.mode) {
    case "BRANCH_LEQ":
    case "BRANCH_LT": {
      const threshold = node.mode === "BRANCH_LT" ? openThreshold(node) : closedThreshold(node);
      const sides = { below: fold(whenTrue), above: fold(whenFalse) };
      return split(folding, ranges, feature, threshold, tracksTrue ? "low" : "high", sides);
    }
    case "BRANCH_GT":
    case "BRANCH_GTE": {
      const threshold = node.mode === "BRANCH_GTE" ? openThreshold(node) : closedThreshold(node);
      const sides = { below: fold(whenFalse), above: fold(whenTrue) };
      return split(folding, ranges, feature, threshold, tracksTrue ? "high" : "low", sides);
    }
    case "BRANCH_EQ":
      return foldEquality(folding, ranges, node, whenTrue, whenFalse, tracksTrue);
    case "BRANCH_NEQ":
      // A missing value is never equal, whatever the node says of missing values.
      return foldEquality(folding, ranges, node, whenFalse, whenTrue, false);
    default:
      throw new LimenError("refused", `ONNX: trees: split mode ${node.mode} is not compiled`);
  }
}

function foldBranch(folding: Folding, ranges: Ranges, branch: Branch): TreeNode {
  if (!("leaf" in branch)) return foldSplit(folding, ranges, branch);
  folding.made += 1;
  return branch;
}

/** A tree of any split modes as one of `x <= t` only, with the same leaf for every request. */
export function foldTree(folding: Folding, root: Branch): TreeNode {
  return foldBranch(folding, new Map(), root);
}
