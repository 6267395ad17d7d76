import { readNumbers } from "./onnx/attributes.ts";
import { ELEMENT_DOUBLE, type Graph } from "./onnx/read.ts";
import type { Core } from "./onnx/tails.ts";
import type { Range } from "./range.ts";
import type { ModelScore } from "./table.ts";

/** Newest versions compiled models were compared with a runtime at. */
const IR_TESTED = 10;
const OPSETS_TESTED: Readonly<Record<string, number>> = { "ai.onnx": 22, "ai.onnx.ml": 3 };

function versionWarnings(graph: Graph): string[] {
  const warnings = Object.entries(graph.opsets)
    .filter(([domain, version]) => version > (OPSETS_TESTED[domain] ?? Number.POSITIVE_INFINITY))
    .map(([domain, version]) => `opset ${domain} ${version} is newer than tested`);
  if (graph.irVersion > IR_TESTED) warnings.push(`ir ${graph.irVersion} is newer than tested`);
  return warnings;
}

function exporterWarnings(graph: Graph, core: Core): string[] {
  const node = core.node;
  const trees = node.operator.includes("Tree");
  const warnings: string[] = [];
  const tracks = readNumbers(node, "nodes_missing_value_tracks_true");
  if (trees && graph.producer.startsWith("skl2onnx") && !tracks.includes(1)) {
    warnings.push(
      "every missing value goes right: a scikit-learn forest trained with missing values exports like this and scores them wrong",
    );
  }
  if (trees && /^Lgbm/i.test(node.name)) {
    warnings.push(
      "LightGBM thresholds are rounded to float32 by the exporter: values exactly on one may take the other side",
    );
  }
  return warnings;
}

function precisionWarnings(graph: Graph, core: Core): string[] {
  if (graph.input.elementType !== ELEMENT_DOUBLE) return [];
  const weights = ["class_weights", "target_weights"].flatMap((name) =>
    readNumbers(core.node, name),
  );
  return [
    "the model takes doubles; features are float32, so compare it on float32 inputs",
    ...(weights.some((weight) => Math.fround(weight) !== weight)
      ? ["leaf weights are doubles and are rounded to float32"]
      : []),
  ];
}

/** What a person should know before trusting the numbers. */
export function findWarnings(
  graph: Graph,
  core: Core,
  score: ModelScore,
  range: Range,
  binsUsed: number | null,
): string[] {
  const warnings = [
    ...versionWarnings(graph),
    ...exporterWarnings(graph, core),
    ...precisionWarnings(graph, core),
  ];
  if (binsUsed !== null && binsUsed < 50) {
    warnings.push(`the vectors fall into ${binsUsed} bins: cuts will jump`);
  }
  if (range.from === "probability") {
    warnings.push(
      "bins span the probabilities 0.000001 to 0.999999; vectors beside the model or --range LO,HI use them better",
    );
  }
  if (score.kernel.kind === "linear") {
    warnings.push("a linear model has no answer for a missing input: such requests are unscored");
  }
  return warnings;
}
