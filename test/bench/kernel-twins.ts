/** The trees of a model as plain JavaScript: nested branches as text, or a walk over arrays. */
import type { ModelScore, Slot, TreeNode } from "../../control/table/table.ts";

/** The raw score of a vector. */
export type Twin = (vector: Float32Array) => number;

type Forest = { score: ModelScore; trees: readonly TreeNode[]; base: number };

function openForest(score: ModelScore): Forest {
  const { kernel, base } = score;
  if (kernel.kind !== "trees" || kernel.divisor !== 1 || kernel.accumulator !== "f32") {
    throw new Error("twins are of float32 sums of trees");
  }
  return { score, trees: kernel.trees, base: base[0] ?? 0 };
}

/** A missing value goes left where its slot says low, right where it says high. */
const missingOf = ({ nan }: Slot): number =>
  nan === "low" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;

const number = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return "Infinity";
  if (value === Number.NEGATIVE_INFINITY) return "-Infinity";
  return String(value);
};

function writeNode(node: TreeNode, slots: readonly Slot[]): string {
  if ("leaf" in node) return `return ${Math.fround(node.leaf[0] ?? 0)};`;
  const slot = slots[node.slot];
  if (!slot) throw new Error("a node without its slot");
  const [left, right] = [writeNode(node.left, slots), writeNode(node.right, slots)];
  const threshold = number(Math.fround(node.threshold));
  // A comparison with NaN is false: negated, it goes the way of a low one.
  const test =
    slot.nan === "low"
      ? `!(v[${slot.feature}] > ${threshold})`
      : `v[${slot.feature}] <= ${threshold}`;
  return `if (${test}) { ${left} } else { ${right} }`;
}

/** A function a tree, as code generators write them. */
export function writeBranches(model: ModelScore): Twin {
  const { score, trees, base } = openForest(model);
  const functions = trees.map(
    (tree, at) => `function t${at}(v) { ${writeNode(tree, score.slots)} }`,
  );
  const sums = trees.map((_, at) => `s = Math.fround(s + t${at}(v));`);
  const body = `${functions.join("\n")}\nreturn (v) => { let s = 0; ${sums.join(" ")} return Math.fround(s + ${Math.fround(base)}); };`;
  return new Function(body)() as Twin;
}

type Arrays = { slot: Uint16Array; value: Float32Array; left: Int32Array; roots: Int32Array };

/** Nodes one tree after the other, children side by side; a leaf has no left child. */
function layOut(trees: readonly TreeNode[]): Arrays {
  const nodes: { slot: number; value: number; left: number }[] = [];
  const roots = trees.map((tree) => {
    const root = nodes.length;
    const queue: [TreeNode, number][] = [[tree, root]];
    nodes.push({ slot: 0, value: 0, left: -1 });
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [node, at] = next;
      if ("leaf" in node) {
        nodes[at] = { slot: 0, value: node.leaf[0] ?? 0, left: -1 };
        continue;
      }
      const left = nodes.length;
      nodes[at] = { slot: node.slot, value: node.threshold, left };
      nodes.push({ slot: 0, value: 0, left: -1 }, { slot: 0, value: 0, left: -1 });
      queue.push([node.left, left], [node.right, left + 1]);
    }
    return root;
  });
  return {
    slot: Uint16Array.from(nodes, (node) => node.slot),
    value: Float32Array.from(nodes, (node) => node.value),
    left: Int32Array.from(nodes, (node) => node.left),
    roots: Int32Array.from(roots),
  };
}

/** One loop over typed arrays. */
export function openWalk(model: ModelScore): Twin {
  const { score, trees, base } = openForest(model);
  const { slot, value, left, roots } = layOut(trees);
  const features = Uint16Array.from(score.slots, (each) => each.feature);
  const missing = Float32Array.from(score.slots, missingOf);
  const slots = new Float32Array(score.slots.length);
  return (vector) => {
    for (let at = 0; at < slots.length; at++) {
      const own = vector[features[at] as number] as number;
      slots[at] = Number.isNaN(own) ? (missing[at] as number) : own;
    }
    let sum = 0;
    for (let tree = 0; tree < roots.length; tree++) {
      let node = roots[tree] as number;
      for (let next = left[node] as number; next >= 0; next = left[node] as number) {
        node = next + Number((slots[slot[node] as number] as number) > (value[node] as number));
      }
      sum = Math.fround(sum + (value[node] as number));
    }
    return Math.fround(sum + base);
  };
}
