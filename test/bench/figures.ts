/** What every bench of times says of the machine, and how its figures are summed up and kept. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { quantileOf } from "../../control/demo/latency.ts";

const RESULTS = new URL("results/", import.meta.url);

export type Summary = { least: number; median: number; p99: number };

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => quantileOf(sorted, share) ?? Number.NaN;
  return { least: sorted[0] ?? Number.NaN, median: at(0.5), p99: at(0.99) };
}

/** Clock in GHz is part of the model name where the system gives it. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown CPU";
  return `${model}, ${availableParallelism()} cores, Node ${process.versions.node}`;
}

/** Runnable processes over the last minute, by the system's own count. */
export const readLoad = (): string => (loadavg()[0] ?? 0).toFixed(2);

/** A package's version as installed. */
export function readVersion(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

export type Report = {
  name: string;
  title: string;
  /** Paragraphs below the title. */
  about: readonly string[];
  /** Rows of the shown table, the head first. */
  rows: readonly (readonly string[])[];
  /** Paragraphs below the table. */
  notes: readonly string[];
  /** Every measured value, the head first. */
  values: readonly (readonly (string | number)[])[];
};

/** Writes NAME.md and NAME.csv into test/bench/results and prints the first. */
export function writeReport({ name, title, about, rows, notes, values }: Report): void {
  const [head = [], ...body] = rows.map((row) => `| ${row.join(" | ")} |`);
  const rule = `|${"---|".repeat(rows[0]?.length ?? 0)}`;
  const table = [head, rule, ...body].join("\n");
  const text = [`# ${title}`, ...about, table, ...notes].join("\n\n");
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(new URL(`${name}.md`, RESULTS), `${text}\n`);
  const lines = values.map((row) => row.join(","));
  writeFileSync(new URL(`${name}.csv`, RESULTS), `${lines.join("\n")}\n`);
  console.log(text);
}

/** The places from 0, in another order each round, so that none is always first. */
export function turnOrder(count: number, round: number): number[] {
  const order = Array.from({ length: count }, (_, at) => (at + round) % count);
  return round % 2 === 0 ? order : order.reverse();
}
