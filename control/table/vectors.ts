import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { LimenError } from "../errors.ts";

/** Rows of a vector file, one after the other in one list. */
export type Vectors = { rows: number; width: number; values: Float32Array };

const fail = (where: string, what: string): LimenError =>
  new LimenError("input", `${where}: ${what}`);

/** Row-major little-endian float32. */
function readFloats(where: string, bytes: Uint8Array, width: number): Vectors {
  if (bytes.length % (4 * width) !== 0) {
    throw fail(
      where,
      `${bytes.length} bytes are not rows of ${width} float32; is it for this model?`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / 4);
  for (let at = 0; at < values.length; at++) values[at] = view.getFloat32(at * 4, true);
  return { rows: values.length / width, width, values };
}

/** A number of a CSV cell; empty and NaN are missing. */
function readCell(where: string, line: number, name: string, cell: string): number {
  const text = cell.trim();
  if (text === "" || /^nan$/i.test(text)) return Number.NaN;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  const value = infinite ? Number(`${infinite[1] ?? ""}Infinity`) : Number(text);
  if (Number.isNaN(value)) throw fail(where, `line ${line}, ${name}: "${text}" is not a number`);
  return value;
}

type CsvLine = { record: string[]; info: { lines: number } };

/** Columns by the features' names; other columns are left out. */
function readCsv(where: string, text: string, names: readonly string[]): Vectors {
  const records = parse(text, {
    bom: true,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
  }) as unknown as CsvLine[];
  const [head, ...body] = records;
  if (!head) throw fail(where, "is empty; the first line names the features");
  const columns = names.map((name) => head.record.findIndex((cell) => cell.trim() === name));
  const absent = names.find((_, at) => columns[at] === -1);
  if (absent !== undefined) {
    throw fail(where, `no column "${absent}"; columns: ${head.record.join(", ")}`);
  }
  const values = new Float32Array(body.length * names.length);
  body.forEach(({ record, info }, row) => {
    if (record.length !== head.record.length) {
      throw fail(
        where,
        `line ${info.lines}: ${record.length} cells for ${head.record.length} columns`,
      );
    }
    columns.forEach((column, at) => {
      const cell = record[column] ?? "";
      values[row * names.length + at] = readCell(where, info.lines, names[at] ?? "", cell);
    });
  });
  return { rows: body.length, width: names.length, values };
}

/** Reads vectors from .csv or .f32, either also as .gz. */
export function readVectors(path: string, names: readonly string[], where = path): Vectors {
  const stored = readFile(path, where);
  const packed = path.endsWith(".gz");
  const bytes = packed ? gunzipSync(stored) : stored;
  const plain = packed ? path.slice(0, -3) : path;
  if (plain.endsWith(".f32")) return readFloats(where, bytes, names.length);
  if (plain.endsWith(".csv")) return readCsv(where, bytes.toString("utf8"), names);
  throw fail(where, "vectors are read from .csv or .f32 (or either with .gz)");
}

/** The bytes of a file; "missing" when it is not there. */
export function readFile(path: string, where = path): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? "";
    const what = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "is a folder" : code;
    throw new LimenError("missing", `${where}: ${what}; check the path`, thrown);
  }
}
