import type { DemoOptions } from "./plan.ts";
import type { DemoResult } from "./result.ts";
import { runDemo } from "./run.ts";
import type { Screen } from "./screen.ts";
import { formatCount, layOut } from "./text.ts";
import { ROUTES } from "./traffic/request.ts";

const FIRST_SEED = 101;

/** 101 and the seeds after it. */
export const listSeeds = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => FIRST_SEED + index);

/** One number of each run: its name, how it is read, and how it is written. */
type Figure = {
  name: string;
  of: (result: DemoResult) => number | null;
  write: (value: number) => string;
};

const percent = (value: number): string => `${(100 * value).toFixed(2)}%`;
const FIGURES: readonly Figure[] = [
  { name: "alarm after", of: ({ alarmAfter }) => alarmAfter, write: formatCount },
  { name: "certified again", of: ({ relearnAfter }) => relearnAfter, write: formatCount },
  { name: "re-routed", of: ({ rerouted }) => rerouted, write: formatCount },
  {
    name: "highest FPR",
    of: ({ routes }) => Math.max(...ROUTES.map((route) => routes[route].after.learned.fpr ?? 0)),
    write: percent,
  },
  {
    name: "lowest recall",
    of: ({ routes }) => Math.min(...ROUTES.map((route) => routes[route].after.learned.recall ?? 1)),
    write: percent,
  },
  {
    name: "learned / stale cost",
    of: ({ cost }) => (cost.learned === null || !cost.stale ? null : cost.learned / cost.stale),
    write: (value) => value.toFixed(3),
  },
];

const isMet = ({ failures }: DemoResult): boolean => failures.length === 0;

/** One line for each run, then the least, the middle and the largest of each figure. */
export function formatSpread(results: readonly DemoResult[]): string[] {
  const rows = results.map((result) => [
    String(result.seed),
    ...FIGURES.map(({ of, write }) => {
      const value = of(result);
      return value === null ? "-" : write(value);
    }),
    isMet(result) ? "met" : "NOT MET",
  ]);
  const quantile = (share: number): string[] =>
    FIGURES.map(({ of, write }) => {
      const values = results.flatMap((result) => of(result) ?? []).sort((a, b) => a - b);
      const value = values[Math.round(share * (values.length - 1))];
      return value === undefined ? "-" : write(value);
    });
  const spread = [
    ["least", ...quantile(0), ""],
    ["middle", ...quantile(0.5), ""],
    ["most", ...quantile(1), ""],
  ];
  const head = ["seed", ...FIGURES.map(({ name }) => name), ""];
  return layOut([head, ...rows, ...spread]);
}

/** Runs each seed by itself, one after another, and says how they spread. */
export async function runSeeds(
  options: DemoOptions,
  seeds: readonly number[],
  screen: Screen,
  signal: AbortSignal,
): Promise<DemoResult[]> {
  const quiet: Screen = { say: () => undefined, show: () => undefined, clear: () => undefined };
  const results: DemoResult[] = [];
  for (const seed of seeds) {
    await runDemo({ ...options, seed, once: true }, quiet, signal, ({ result }) => {
      results.push(result);
      screen.say(`seed ${seed}: ${isMet(result) ? "met" : result.failures.join("; ")}`);
    });
  }
  screen.say("");
  for (const line of formatSpread(results)) screen.say(line);
  screen.say(`${results.filter(isMet).length} of ${results.length} met every condition`);
  return results;
}

/** 19 of 20: what is claimed with 90% confidence may fail now and then. */
const MET_SHARE = 0.95;
export const areEnoughMet = (results: readonly DemoResult[]): boolean =>
  results.filter(isMet).length >= MET_SHARE * results.length;
