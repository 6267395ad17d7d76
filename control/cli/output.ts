import { InvalidArgumentError, Option } from "commander";
import { stringify } from "yaml";

/** `table` for people, `wide` with more columns, the rest for programs. */
export const FORMATS = ["table", "wide", "json", "yaml", "csv"] as const;
export type Format = (typeof FORMATS)[number];

export type Column<Row> = {
  title: string;
  of: (row: Row) => string | number | null;
  /** Shown by `wide` and `csv` only. */
  wide?: boolean;
};

/** The `-o` option, with the formats a verb offers. */
export function outputOption(
  formats: readonly Format[] = FORMATS,
  preset: Format = "table",
): Option {
  return new Option("-o, --output <format>", formats.join(", "))
    .default(preset)
    .argParser((text) => {
      const format = formats.find((known) => known === text);
      if (!format) throw new InvalidArgumentError(`one of ${formats.join(", ")}`);
      return format;
    });
}

function csvCell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function layOut(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Lines of words, none longer than the width unless one word is. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Rows in a format; `whole` is what json and yaml print instead of the rows alone. */
export function formatRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: Format,
  whole: unknown = rows,
): string {
  if (format === "json") return JSON.stringify(whole, null, 2);
  if (format === "yaml") return stringify(whole).trimEnd();
  const shown = columns.filter((column) => format !== "table" || !column.wide);
  const cells = rows.map((row) => shown.map((column) => column.of(row)));
  const titles = shown.map((column) => column.title);
  if (format === "csv")
    return [titles, ...cells].map((line) => line.map(csvCell).join(",")).join("\n");
  return layOut([
    titles.map((title) => title.toUpperCase()),
    ...cells.map((line) =>
      line.map((cell) => (cell === null ? "-" : String(cell).replaceAll("\n", " "))),
    ),
  ]);
}
