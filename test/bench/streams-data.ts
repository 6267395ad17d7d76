/** Recorded streams of requests whose labels come late: read, and scored by the filter's own core. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { LoadedModel } from "../../control/desired.ts";
import { type Compiled, compileModel, encodeCompiled } from "../../control/table/compile.ts";
import { openScorer } from "../../control/table/row-scorer.ts";
import { HTTP_FEATURES } from "../support/http-features.ts";

const DATA = join(import.meta.dirname, "../../../shared/data");
export const ONNX = join(DATA, "onnx/lgbm_100x31_http28.onnx");
export const STREAMS = ["shop_site_drift60", "shop_site_release60"] as const;
/** The data has 9 digits; ours is float32, rounded along another way. */
const SCORE_ERROR_MAX = 2e-6;
const TAG = "attack";

export type Request = {
  /** Milliseconds since the stream began. */
  at: number;
  segment: string;
  score: number;
  bin: number;
  isAttack: boolean;
  /** What was reported, and when; null when nothing was. */
  label: { at: number; isAttack: boolean } | null;
};

export type Stream = {
  name: string;
  requests: readonly Request[];
  segments: readonly string[];
  /** When its traffic changes, milliseconds since it began. */
  changeAt: number;
  /** Largest difference from the recorded scores. */
  scoreError: number;
};

type Event = {
  id: string;
  t: number;
  segment: string;
  method: string;
  path: string;
  headers: Record<string, string>;
};
type Truth = { id: string; label: number };
type Label = { id: string; t_label: number; label: number };

const fileOf = (stream: string, end: string): string => join(DATA, "streams", `${stream}.${end}`);

const readLines = (path: string): string[] =>
  gunzipSync(readFileSync(path)).toString("utf8").trimEnd().split("\n");

function readRows<Row>(stream: string, end: string): Row[] {
  return readLines(fileOf(stream, end)).map((line) => JSON.parse(line) as Row);
}

/** The files that are not there; empty when the bench can run. */
export function listMissing(): string[] {
  const ends = ["events.jsonl.gz", "labels.jsonl.gz", "truth.jsonl.gz", "scores.csv.gz"];
  const files = STREAMS.flatMap((name) =>
    [...ends, "expected.json"].map((end) => fileOf(name, end)),
  );
  return [ONNX, ...files].filter((path) => !existsSync(path));
}

/** The model of the streams, compiled from ONNX, and its table for the filter. */
export function compileStreamModel(): { model: LoadedModel; table: Uint8Array } {
  const source = {
    name: TAG,
    class: "1",
    features: HTTP_FEATURES,
    range: [-8, 8],
    tags: [],
  } as const;
  const compiled: Compiled = compileModel(source, readFileSync(ONNX), null);
  const model: LoadedModel = {
    name: "http",
    score: compiled.score,
    features: compiled.features,
    digest: compiled.report.digest,
    tags: [{ header: "x-limen-http", value: TAG }],
    tagNames: [TAG],
    bounds: {},
    presets: { cuts: {}, objective: null },
  };
  return { model, table: encodeCompiled(TAG, compiled, []) };
}

/** The first label of each request. */
function readLabels(stream: string): Map<string, Label> {
  const labels = new Map<string, Label>();
  for (const label of readRows<Label>(stream, "labels.jsonl.gz")) {
    if (!labels.has(label.id)) labels.set(label.id, label);
  }
  return labels;
}

/** Recorded scores by id: id,lgbm,logreg. */
function readScores(stream: string): Map<string, number> {
  const lines = readLines(fileOf(stream, "scores.csv.gz")).slice(1);
  return new Map(
    lines.map((line) => line.split(",")).map(([id = "", score]) => [id, Number(score)]),
  );
}

/** Reads a stream and scores it through the table; throws when a score is not the recorded one. */
export function readStream(name: string, table: Uint8Array): Stream {
  const scorer = openScorer();
  scorer.load(table);
  const [labels, recorded] = [readLabels(name), readScores(name)];
  const truth = new Map(readRows<Truth>(name, "truth.jsonl.gz").map((row) => [row.id, row.label]));
  let scoreError = 0;
  const requests = readRows<Event>(name, "events.jsonl.gz").map((event): Request => {
    const authority = event.headers["host"] ?? "";
    const vector = scorer.features({ ...event, authority });
    const { score, bin } = scorer.score(0, vector);
    const error = Math.abs(score - (recorded.get(event.id) ?? Number.NaN));
    if (bin === null || !(error <= SCORE_ERROR_MAX)) {
      throw new Error(`${name} ${event.id}: score ${score}, recorded ${recorded.get(event.id)}`);
    }
    scoreError = Math.max(scoreError, error);
    const label = labels.get(event.id);
    return {
      at: event.t,
      segment: event.segment,
      score,
      bin,
      isAttack: truth.get(event.id) === 1,
      label: label ? { at: label.t_label, isAttack: label.label === 1 } : null,
    };
  });
  const expected = JSON.parse(readFileSync(fileOf(name, "expected.json"), "utf8"));
  return {
    name,
    requests,
    segments: [...new Set(requests.map(({ segment }) => segment))].sort(),
    changeAt: expected.t_breakpoint_ms,
    scoreError,
  };
}
