import type { InferenceSession, Tensor } from "onnxruntime-node";
import { LimenError } from "../../errors.ts";
import type { Compiled } from "../compile.ts";
import { chooseClass, readLabels } from "./attributes.ts";
import { ELEMENT_DOUBLE, readGraph } from "./read.ts";
import { cutReference, rebuildRaw } from "./reference.ts";
import { findCore } from "./tails.ts";

/** Largest differences allowed of scores; raw sums of trees of floats must be equal to the bit. */
export const SCORE_ERROR_MAX = { trees: 2e-6, linear: 1e-5 } as const;

export type Verification = {
  runtime: string;
  rows: number;
  /** Rows whose raw sum differs in any bit; null where there is no such reference. */
  rawDiffer: number | null;
  scoreErrorMax: number;
  /** The row, from 0, of the largest difference. */
  worstRow: number | null;
  passed: boolean;
};

type Runtime = { InferenceSession: typeof InferenceSession; Tensor: typeof Tensor };
type Run = (row: Float32Array) => Promise<Float32Array>;

async function loadRuntime(): Promise<Runtime> {
  try {
    const loaded = (await import("onnxruntime-node")) as Runtime & { default?: Runtime };
    return loaded.default ?? loaded;
  } catch (thrown) {
    throw new LimenError(
      "missing",
      "--verify: onnxruntime-node is not installed; npm install --save-dev onnxruntime-node, or compile without --verify",
      thrown,
    );
  }
}

/** One thread and one row a run: with more, the runtime's own last bits move. */
async function openRun(
  runtime: Runtime,
  onnx: Uint8Array,
  output: string,
  doubles: boolean,
): Promise<Run> {
  const session = await runtime.InferenceSession.create(onnx, {
    ...{ intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" },
    logSeverityLevel: 4,
  });
  const [input = ""] = session.inputNames;
  return async (row) => {
    const tensor = doubles
      ? new runtime.Tensor("float64", Float64Array.from(row), [1, row.length])
      : new runtime.Tensor("float32", row, [1, row.length]);
    const result = await session.run({ [input]: tensor });
    return Float32Array.from(result[output]?.data as Float32Array);
  };
}

/** The column of the output that is the compiled score. */
function findColumn(onnx: Uint8Array, asked: string | undefined): number {
  const { node, classifier } = findCore(readGraph(onnx));
  if (!classifier) return 0;
  return chooseClass(node, readLabels(node, "classlabels"), asked);
}

/** Both missing is no difference; one missing is the largest. */
function measureError(ours: number, theirs: number): number {
  if (ours === theirs || (Number.isNaN(ours) && Number.isNaN(theirs))) return 0;
  const error = Math.abs(ours - theirs);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** Compares a compiled model with onnxruntime on rows. */
export async function verifyModel(
  onnx: Uint8Array,
  asked: string | undefined,
  compiled: Compiled,
  rows: Iterable<Float32Array>,
  score: (row: Float32Array) => { raw: number; score: number },
): Promise<Verification> {
  const runtime = await loadRuntime();
  const doubles = readGraph(onnx).input.elementType === ELEMENT_DOUBLE;
  const cut = cutReference(onnx);
  const column = findColumn(onnx, asked);
  const rebuilt = rebuildRaw(onnx, asked);
  const runScore = await openRun(runtime, cut.bytes, cut.output, doubles);
  const runRaw = rebuilt ? await openRun(runtime, rebuilt, "raw", false) : null;
  let [count, differ, worst] = [0, 0, -1];
  let worstRow: number | null = null;
  for (const row of rows) {
    const ours = score(row);
    const theirs = (await runScore(row))[column] ?? Number.NaN;
    const error = measureError(ours.score, theirs);
    if (error > worst) [worst, worstRow] = [error, count];
    if (runRaw && !Object.is((await runRaw(row))[0], ours.raw)) differ += 1;
    count += 1;
  }
  const { kind } = compiled.score.kernel;
  return {
    runtime: "onnxruntime-node",
    rows: count,
    rawDiffer: runRaw ? differ : null,
    scoreErrorMax: Math.max(worst, 0),
    worstRow,
    passed: differ === 0 && worst <= SCORE_ERROR_MAX[kind],
  };
}
