import { createReadStream, existsSync } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { CsvError, parse } from "csv-parse";
import { BINS, SEGMENTS_MAX } from "../../models/limits.ts";
import { LimenError } from "../errors.ts";

/** Counts of one segment by bin. */
export type ScoreCounts = {
  positives: Map<number, number>;
  negatives: Map<number, number>;
  unlabelled: Map<number, number>;
};
/** Segments in the order of their first row; whether bins were made from scores. */
export type ScoreFile = { segments: Map<string, ScoreCounts>; hasScores: boolean };

/** Where the columns are; a missing one is -1. */
type Columns = {
  segment: number;
  score: number;
  bin: number;
  label: number;
  count: number;
  needsLabels: boolean;
};
type CsvLine = { record: string[]; info: { lines: number } };

const ALL = "all";
const POSITIVE = ["1", "true", "positive"];
const NEGATIVE = ["0", "false", "negative"];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const fail = (where: string, what: string): LimenError =>
  new LimenError("input", `${where}: ${what}`);

function findColumns(file: string, head: readonly string[], needsLabels: boolean): Columns {
  const at = (name: string): number => head.findIndex((cell) => cell.trim() === name);
  const columns = {
    segment: at("segment"),
    score: at("score"),
    bin: at("bin"),
    label: at("label"),
  };
  const found = `columns are ${head.join(", ")}`;
  if (columns.score === -1 && columns.bin === -1) {
    throw fail(file, `no column "score" or "bin"; ${found}`);
  }
  if (needsLabels && columns.label === -1) throw fail(file, `no column "label"; ${found}`);
  return { ...columns, count: head.length, needsLabels };
}

/** `bin` where there is such a column, else floor(4096 x score), at most 4095. */
function readBin(where: string, record: readonly string[], columns: Columns): number {
  const isBin = columns.bin !== -1;
  const text = (record[isBin ? columns.bin : columns.score] ?? "").trim();
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (isBin && Number.isInteger(value) && value >= 0 && value < BINS) return value;
  if (!isBin && value >= 0 && value <= 1) return Math.min(BINS - 1, Math.floor(BINS * value));
  const wanted = isBin ? `a whole number from 0 to ${BINS - 1}` : "a number from 0 to 1";
  throw fail(where, `${isBin ? "bin" : "score"} "${text}" is not ${wanted}`);
}

function readLabel(where: string, record: readonly string[], columns: Columns): keyof ScoreCounts {
  const text = (record[columns.label] ?? "").trim().toLowerCase();
  if (POSITIVE.includes(text)) return "positives";
  if (NEGATIVE.includes(text)) return "negatives";
  if (text === "" && !columns.needsLabels) return "unlabelled";
  throw fail(where, `label "${text}" is neither 1 (positive) nor 0 (negative)`);
}

function findSegment(where: string, file: ScoreFile, name: string): ScoreCounts {
  const known = file.segments.get(name);
  if (known) return known;
  if (file.segments.size === SEGMENTS_MAX) {
    throw fail(where, `more than ${SEGMENTS_MAX} segments; is "segment" the right column?`);
  }
  const fresh = { positives: new Map(), negatives: new Map(), unlabelled: new Map() };
  file.segments.set(name, fresh);
  return fresh;
}

function openLines(file: string, path: string): AsyncIterable<CsvLine> {
  const parser = parse({ bom: true, info: true, skip_empty_lines: true, relax_column_count: true });
  const raw = createReadStream(path);
  // Errors of any part reach the reader of the last one.
  const done = (): void => undefined;
  if (file.endsWith(".gz")) pipeline(raw, createGunzip(), parser, done);
  else pipeline(raw, parser, done);
  return parser;
}

function addRow(where: string, record: readonly string[], columns: Columns, file: ScoreFile): void {
  if (record.length !== columns.count) {
    throw fail(where, `${record.length} cells for ${columns.count} columns`);
  }
  const name = columns.segment === -1 ? ALL : (record[columns.segment] ?? "").trim();
  if (name === "") throw fail(where, "the segment is empty");
  const bin = readBin(where, record, columns);
  const label = readLabel(where, record, columns);
  const counts = findSegment(where, file, name)[label];
  counts.set(bin, (counts.get(bin) ?? 0) + 1);
}

async function countRows(file: string, path: string, needsLabels: boolean): Promise<ScoreFile> {
  const found: ScoreFile = { segments: new Map(), hasScores: true };
  let columns: Columns | undefined;
  for await (const { record, info } of openLines(file, path)) {
    if (columns) {
      addRow(`${file}: line ${info.lines}`, record, columns, found);
    } else {
      columns = findColumns(file, record, needsLabels);
      found.hasScores = columns.bin === -1;
    }
  }
  if (!columns) throw fail(file, 'is empty; the first line is "segment,score,label"');
  if (found.segments.size === 0) throw fail(file, "has a first line but no rows");
  return found;
}

/**
 * Counts the rows of a CSV file with `segment` (one segment without it), `score` or `bin`, and
 * `label`. Memory is one count for each segment, label and bin in use, whatever the rows.
 */
export async function readScores(
  file: string,
  path: string,
  needsLabels: boolean,
): Promise<ScoreFile> {
  if (!existsSync(path)) throw fail(file, "no such file");
  try {
    return await countRows(file, path, needsLabels);
  } catch (thrown) {
    if (thrown instanceof LimenError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const what = thrown instanceof CsvError ? "is not CSV" : "cannot be read";
    throw new LimenError("input", `${file}: ${what} (${reason})`, thrown);
  }
}
