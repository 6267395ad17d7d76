import type { ModelScore } from "../table.ts";
import { chooseClass, readLabels, readNumbers, readText, refuseNode } from "./attributes.ts";
import type { Graph, Node } from "./read.ts";
import type { Scoring } from "./trees.ts";

type Rows = { weights: number[][]; base: number[] };

function readRows(graph: Graph, node: Node): Rows {
  const flat = readNumbers(node, "coefficients");
  const given = readNumbers(node, "intercepts");
  const width = graph.input.features ?? flat.length / Math.max(1, given.length);
  const count = flat.length / width;
  if (flat.length === 0 || !Number.isInteger(count)) {
    throw refuseNode(node, `${flat.length} coefficients do not fit ${width} inputs`);
  }
  const base = given.length > 0 ? given : new Array<number>(count).fill(0);
  if (base.length !== count) throw refuseNode(node, `${base.length} intercepts for ${count} rows`);
  const weights = base.map((_, row) => flat.slice(row * width, (row + 1) * width));
  return { weights, base };
}

function build(rows: Rows, output: ModelScore["output"], chosen: number): Scoring {
  const width = rows.weights[0]?.length ?? 0;
  return {
    slots: Array.from({ length: width }, (_, feature) => ({ feature, nan: "keep" as const })),
    kernel: { kind: "linear", weights: rows.weights },
    base: rows.base,
    output,
    class: chosen,
  };
}

const takeRow = (rows: Rows, row: number, sign: 1 | -1): Rows => ({
  weights: [(rows.weights[row] ?? []).map((weight) => sign * weight)],
  base: [sign * (rows.base[row] ?? 0)],
});

function readClassifier(graph: Graph, node: Node, asked: string | undefined): Scoring {
  const labels = readLabels(node, "classlabels");
  const column = chooseClass(node, labels, asked);
  const rows = readRows(graph, node);
  const transform = readText(node, "post_transform", "NONE");
  const single = rows.base.length === 1 && labels.length === 2;
  if (!single && rows.base.length !== labels.length) {
    throw refuseNode(node, `${rows.base.length} rows of coefficients for ${labels.length} classes`);
  }
  if (transform === "SOFTMAX" && !single) return build(rows, "softmax", column);
  if (transform === "LOGISTIC") {
    if (!single) return build(takeRow(rows, column, 1), "logistic", 0);
    return build(takeRow(rows, 0, column === 1 ? 1 : -1), "logistic", 0);
  }
  if (transform === "NONE" && !single) return build(takeRow(rows, column, 1), "identity", 0);
  throw refuseNode(
    node,
    `${transform} over ${rows.base.length} row of coefficients is not compiled`,
  );
}

function readRegressor(graph: Graph, node: Node, asked: string | undefined): Scoring {
  if (asked !== undefined)
    throw refuseNode(node, "is a regressor and has no classes; drop --class");
  const transform = readText(node, "post_transform", "NONE");
  if (transform !== "NONE") throw refuseNode(node, `post_transform ${transform} is not compiled`);
  const targets = node.attributes.get("targets")?.number ?? 1;
  if (targets !== 1) throw refuseNode(node, `${targets} targets; one is compiled`);
  return build(readRows(graph, node), "identity", 0);
}

/** A LinearClassifier or LinearRegressor as a kernel. */
export function readLinear(graph: Graph, node: Node, asked?: string): Scoring {
  return node.operator.endsWith("Regressor")
    ? readRegressor(graph, node, asked)
    : readClassifier(graph, node, asked);
}
