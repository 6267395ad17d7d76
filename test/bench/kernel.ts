/** One row at a time through the wasm kernel and its peers: `npm run bench -- kernel`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { compileFiles, readModelFiles } from "../../control/table/load-model.ts";
import { cutReference } from "../../control/table/onnx/reference.ts";
import { encodePairs, type Header } from "../support/proxy-wasm/header-map.ts";
import {
  describeMachine,
  readLoad,
  readVersion,
  type Summary,
  summarize,
  turnOrder,
  writeReport,
} from "./figures.ts";
import { openWalk, type Twin, writeBranches } from "./kernel-twins.ts";

const MODEL = fileURLToPath(new URL("../../models/bot", import.meta.url));
const CORE = new URL("../../build/offline.wasm", import.meta.url);
const [ROUNDS, WARM_ROUNDS] = [60, 10];
const [ROWS, RUNTIME_ROWS] = [4_000, 500];
/** Of scores; of raw sums no bit may differ between wasm and twins. */
const SCORE_ERROR_MAX = 2e-6;
export const RUNTIME_RATIO_MIN = 10;

type Rows = readonly Float32Array[];
/** Scores rows; the sum of the scores, so that no work can be left out. */
type Contender = {
  name: string;
  rows: Rows;
  run: (rows: Rows) => number | Promise<number>;
};
type Core = Record<string, (...parameters: (number | bigint)[]) => number> & {
  memory: WebAssembly.Memory;
};

function openCore(table: Uint8Array): Core {
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(CORE)));
  const core = new WebAssembly.Instance(module).exports as unknown as Core;
  new Uint8Array(core.memory.buffer).set(table, core["tableStart"]?.());
  if (core["loadTable"]?.(table.length) !== 0) throw new Error("the core refuses the table");
  return core;
}

const squash = (raw: number): number => 1 / (1 + Math.exp(-raw));

function runTwin(twin: Twin): (rows: Rows) => number {
  return (rows) => {
    let sum = 0;
    for (const row of rows) sum += squash(twin(row));
    return sum;
  };
}

type Functions = { score: (model: number) => number; last: () => number; raw: () => number };

function openWasm(core: Core, width: number) {
  const { score, lastScore: last, lastRawScore: raw } = core;
  const at = core["vectorAt"]?.() ?? 0;
  const vector = new Float32Array(core.memory.buffer, at, width);
  const functions = { score, last, raw } as Functions;
  const scoreRow = (row: Float32Array): number => {
    vector.set(row);
    functions.score(0);
    return functions.last();
  };
  const run = (rows: Rows): number => {
    let sum = 0;
    for (const row of rows) sum += scoreRow(row);
    return sum;
  };
  return { scoreRow, run, raw: functions.raw };
}

async function openRuntime(onnx: Uint8Array, width: number) {
  const { bytes, output } = cutReference(onnx);
  const session = await InferenceSession.create(bytes, {
    ...{ intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" },
    logSeverityLevel: 4,
  });
  const [input = ""] = session.inputNames;
  const ask = async (values: Float32Array, rows: number): Promise<Float32Array> => {
    const tensor = new Tensor("float32", values, [rows, width]);
    return (await session.run({ [input]: tensor }))[output]?.data as Float32Array;
  };
  const scoreRow = async (row: Float32Array): Promise<number> => (await ask(row, 1))[1] ?? 0;
  const run = async (rows: Rows): Promise<number> => {
    let sum = 0;
    for (const row of rows) sum += await scoreRow(row);
    return sum;
  };
  const whole = async (rows: Rows): Promise<number> => {
    const values = new Float32Array(rows.length * width);
    rows.forEach((row, at) => {
      values.set(row, at * width);
    });
    return (await ask(values, rows.length)).reduce((sum, value, at) => sum + (at % 2) * value, 0);
  };
  return { scoreRow, run, whole };
}

/** A page view of a browser: 4 pseudo headers and 20 others. */
const REQUEST: readonly Header[] = [
  [":authority", "shop.example"],
  [":path", "/search?q=lamp&page=2"],
  [":method", "GET"],
  [":scheme", "https"],
  ["sec-ch-ua", '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"'],
  ["sec-ch-ua-mobile", "?0"],
  ["sec-ch-ua-platform", '"Windows"'],
  ["upgrade-insecure-requests", "1"],
  [
    "user-agent",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  ],
  ["accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"],
  ["sec-fetch-site", "same-origin"],
  ["sec-fetch-mode", "navigate"],
  ["sec-fetch-user", "?1"],
  ["sec-fetch-dest", "document"],
  ["referer", "https://shop.example/"],
  ["accept-encoding", "gzip, deflate, br, zstd"],
  ["accept-language", "en-US,en;q=0.9,de;q=0.8"],
  ["cookie", "session=5d41402abc4b2a76b9719d911017c592; theme=dark; seen=12"],
  ["priority", "u=0, i"],
  ["cache-control", "max-age=0"],
  ["x-forwarded-for", "203.0.113.7"],
  ["x-forwarded-proto", "https"],
  ["x-request-id", "0f3c1a52-8d5e-4e0c-9a3b-6f2d1c7b8a90"],
  ["dnt", "1"],
];

/** Header pairs to the score, as in a proxy: parse, features, kernel. */
function openRequest(core: Core): (rows: Rows) => number {
  const { readPairs, features, score, lastScore } = core;
  const pairs = encodePairs(REQUEST);
  const memory = new Uint8Array(core.memory.buffer);
  const start = core["requestStart"]?.() ?? 0;
  const now = 1_790_000_000_000_000_000n;
  return (rows) => {
    let sum = 0;
    for (let at = 0; at < rows.length; at++) {
      memory.set(pairs, start);
      readPairs?.(pairs.length);
      features?.(now);
      score?.(0);
      sum += lastScore?.() ?? 0;
    }
    return sum;
  };
}

async function openContenders() {
  const files = readModelFiles(MODEL);
  const { score, table, vectors } = await compileFiles(files);
  if (!vectors) throw new Error("the model has no vectors");
  const { width, values } = vectors;
  const rows = Array.from({ length: Math.min(ROWS, vectors.rows) }, (_, at) =>
    values.slice(at * width, (at + 1) * width),
  );
  const core = openCore(table);
  const wasm = openWasm(core, width);
  const [branches, walk] = [writeBranches(score), openWalk(score)];
  const runtime = await openRuntime(files.onnx, width);
  const some = rows.slice(0, RUNTIME_ROWS);
  const contenders: Contender[] = [
    { name: "Limen kernel (wasm)", rows, run: wasm.run },
    { name: "JavaScript, generated if/else", rows, run: runTwin(branches) },
    { name: "JavaScript, walk over arrays", rows, run: runTwin(walk) },
    { name: "onnxruntime `session.run`, one row a call", rows: some, run: runtime.run },
    { name: "onnxruntime, a batch of 4,000 rows", rows, run: runtime.whole },
    { name: "Limen, 20 headers to score (wasm)", rows, run: openRequest(core) },
  ];
  const check = async (): Promise<number> => {
    let worst = 0;
    for (const row of rows) {
      const own = wasm.scoreRow(row);
      const raw = wasm.raw();
      if (!Object.is(branches(row), raw) || !Object.is(walk(row), raw)) {
        throw new Error("a twin has another raw score");
      }
      worst = Math.max(worst, Math.abs(own - (await runtime.scoreRow(row))));
    }
    return worst;
  };
  return { contenders, check, bytes: table.length, rows: rows.length };
}

/** Nanoseconds a row. */
async function time({ name, rows, run }: Contender): Promise<number> {
  const start = performance.now();
  const ran = run(rows);
  // What is there already is not waited for: that would be time of the event loop.
  const sum = typeof ran === "number" ? ran : await ran;
  const spent = performance.now() - start;
  if (!Number.isFinite(sum)) throw new Error(`${name}: no number`);
  return (spent * 1e6) / rows.length;
}

/** One value a round of each contender. */
async function runRounds(contenders: readonly Contender[]): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    for (const at of turnOrder(contenders.length, round)) {
      const contender = contenders[at];
      if (!contender) continue;
      const spent = await time(contender);
      if (round >= WARM_ROUNDS) times[at]?.push(spent);
    }
  }
  return times;
}

const whole = (ns: number): string => Math.round(ns).toLocaleString("en");

export async function benchKernel(): Promise<boolean> {
  const load = readLoad();
  const { contenders, check, bytes, rows } = await openContenders();
  const worst = await check();
  const times = await runRounds(contenders);
  const summaries = times.map(summarize);
  const [own, , , runtime] = summaries;
  const cellsOf = ({ least, median }: Summary): string[] => [
    whole(least),
    whole(median),
    (least / (own?.least ?? Number.NaN)).toFixed(2),
    (median / (own?.median ?? Number.NaN)).toFixed(2),
  ];
  const ratio = (runtime?.least ?? 0) / (own?.least ?? Number.NaN);
  const holds = ratio >= RUNTIME_RATIO_MIN && worst <= SCORE_ERROR_MAX;
  writeReport({
    name: "kernel",
    title: "Scoring one row",
    about: [
      `\`models/bot\`: 100 trees of 31 leaves, ${bytes} bytes; ${rows} rows of its vectors, ${ROUNDS} interleaved rounds after ${WARM_ROUNDS} to warm up, one thread. Made by \`npm run bench -- kernel\`.`,
      `${describeMachine()}, onnxruntime-node ${readVersion("onnxruntime-node")}; load average ${load} before, ${readLoad()} after.`,
    ],
    rows: [
      ["contender", "ns a row, minimum", "median", "times Limen, minima", "medians"],
      ...contenders.map(({ name }, at) => [name, ...cellsOf(summaries[at] ?? summarize([]))]),
    ],
    notes: [
      `Raw scores of wasm and both twins are equal to the bit on every row; scores differ from onnxruntime by at most ${worst === 0 ? "0" : worst.toExponential(1)}.`,
      `Against \`session.run\` the kernel must be at least ${RUNTIME_RATIO_MIN} times as fast, by the minima: ${ratio.toFixed(1)}, ${holds ? "holds" : "DOES NOT HOLD"}.`,
    ],
    values: [
      ["contender", "round", "ns_a_row"],
      ...contenders.flatMap(({ name }, at) =>
        (times[at] ?? []).map((ns, round) => [`"${name}"`, round, ns.toFixed(1)]),
      ),
    ],
  });
  return holds;
}
