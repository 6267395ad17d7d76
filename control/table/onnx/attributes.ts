import { LimenError } from "../../errors.ts";
import { type Node, nameNode } from "./read.ts";

export const refuseNode = (node: Node, what: string): LimenError =>
  new LimenError("refused", `ONNX: ${nameNode(node)}: ${what}`);

/** Numbers of an attribute, or of its `_as_tensor` twin (opset ml 3); empty when absent. */
export function readNumbers(node: Node, name: string): number[] {
  const twin = node.attributes.get(`${name}_as_tensor`)?.tensor?.values;
  return twin ?? node.attributes.get(name)?.numbers ?? [];
}

export function readText(node: Node, name: string, absent: string): string {
  return node.attributes.get(name)?.text ?? absent;
}

/** Class labels as texts, from either of the two lists. */
export function readLabels(node: Node, prefix: string): string[] {
  const texts = node.attributes.get(`${prefix}_strings`)?.texts;
  const numbers = node.attributes.get(`${prefix}_int64s`) ?? node.attributes.get(`${prefix}_ints`);
  return texts ?? (numbers?.numbers ?? []).map(String);
}

/**
 * The column of the class that is scored. A binary model scores its second class unless asked; with
 * more classes the person says which.
 */
export function chooseClass(node: Node, labels: readonly string[], asked?: string): number {
  if (asked === undefined) {
    if (labels.length === 2) return 1;
    throw refuseNode(
      node,
      `${labels.length} classes (${labels.join(", ")}); choose one by --class`,
    );
  }
  const at = labels.indexOf(asked);
  if (at >= 0) return at;
  throw refuseNode(node, `has no class "${asked}"; its classes are ${labels.join(", ")}`);
}
