/**
 * The acceptance figures of certificates, in full. `npm run bench -- learn [POOL.csv]`: the pool
 * has the bins of a recorded release (class,route,phase,bin); without one the demo's traffic is scored.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { openRandom } from "../../control/demo/random.ts";
import { type BreakerRow, readPool, runBreaker } from "./breaker.ts";
import { drawChart } from "./chart.ts";
import { drawDemoPool } from "./demo-pool.ts";
import {
  type LookRow,
  mostViolations,
  type RepeatedRow,
  runOneLook,
  runRepeated,
  runTooHigh,
  spaceLooks,
} from "./looks.ts";
import { RATE } from "./stream.ts";

const RESULTS = new URL("results/", import.meta.url);
const [DRAWS, RUNS, BREAKER_RUNS] = [4_000, 2_000, 400];
const FINE = 4_096;
/** Mean recall at one look, by labels: learning.md 1.2 minus .02. */
export const ONE_LOOK_RECALL: readonly (readonly [number, number])[] = [
  [500, 0.32],
  [2_000, 0.395],
  [10_000, 0.42],
  [50_000, 0.43],
];
/** Mean recall at repeated looks, by labels so far. */
export const REPEATED_RECALL: readonly number[] = [0.36, 0.41, 0.43];
export const LOOK_SIZES = spaceLooks(500, 50_000, 100);

/** One line of the report. */
type Check = { row: string; what: string; figure: string; wanted: string; holds: boolean };

function checkOneLook(rows: readonly LookRow[], cells: number): Check[] {
  return rows.flatMap(({ n, draws, violations, recall }, at) => {
    const row = `one look, n = ${n}, ${cells} cuts`;
    const [most, least] = [mostViolations(draws), ONE_LOOK_RECALL[at]?.[1] ?? 1];
    return [
      {
        row,
        what: "violations",
        figure: violations.toFixed(4),
        wanted: `<= ${most.toFixed(4)}`,
        holds: violations <= most,
      },
      {
        row,
        what: "mean recall",
        figure: recall.toFixed(4),
        wanted: `>= ${least}`,
        holds: recall >= least,
      },
    ];
  });
}

function checkRepeated({ runs, violations, recalls }: RepeatedRow): Check[] {
  const row = `repeated looks, ${LOOK_SIZES.length} geometric`;
  const most = mostViolations(runs);
  return [
    {
      row,
      what: "whole-run violations",
      figure: violations.toFixed(4),
      wanted: `<= ${most.toFixed(4)}`,
      holds: violations <= most,
    },
    ...recalls.map(({ n, recall }, at) => {
      const least = REPEATED_RECALL[at] ?? 1;
      return {
        row,
        what: `mean recall at ${n}`,
        figure: recall.toFixed(4),
        wanted: `>= ${least}`,
        holds: recall >= least,
      };
    }),
  ];
}

function checkControls(onceEach: RepeatedRow, tooHigh: number): Check[] {
  const row = "negative controls";
  const { violations } = onceEach;
  return [
    {
      row,
      what: "Clopper-Pearson at each look: whole-run violations",
      figure: violations.toFixed(4),
      wanted: "> 0.3",
      holds: violations > 0.3,
    },
    {
      row,
      what: "FPR of 3% certified as 1%",
      figure: tooHigh.toFixed(4),
      wanted: "0",
      holds: tooHigh === 0,
    },
  ];
}

function checkBreaker(restarting: BreakerRow, single: BreakerRow, pool: string): Check[] {
  const row = `breaker, ${restarting.runs} runs, ${pool}`;
  const delays = `median ${restarting.median}, most ${restarting.most}`;
  return [
    {
      row,
      what: `alarm within 1,000 decisions (${delays})`,
      figure: restarting.within.toFixed(4),
      wanted: ">= 0.99",
      holds: restarting.within >= 0.99,
    },
    {
      row,
      what: "false fires before",
      figure: restarting.falseFires.toFixed(4),
      wanted: "0",
      holds: restarting.falseFires === 0,
    },
    {
      row,
      what: "from one start alone (must fail)",
      figure: single.within.toFixed(4),
      wanted: "< 0.99",
      holds: single.within < 0.99,
    },
  ];
}

function writeReport(checks: readonly Check[], oneLook: readonly LookRow[]): void {
  mkdirSync(RESULTS, { recursive: true });
  const lines = checks.map(
    ({ row, what, figure, wanted, holds }) =>
      `| ${row} | ${what} | ${figure} | ${wanted} | ${holds ? "yes" : "NO"} |`,
  );
  const head = "| row | what | figure | must be | holds |\n|---|---|---|---|---|";
  const text = `# Certificates, simulated\n\nPositives Beta(4,2), negatives Beta(2,5), 10% positives, fpr:0.01 at 90%. Made by \`npm run bench -- learn\`.\n\n${head}\n${lines.join("\n")}\n`;
  writeFileSync(new URL("learn.md", RESULTS), text);
  const cells = checks.map((check) =>
    [check.row, check.what, check.figure, check.wanted, check.holds]
      .map((cell) => `"${cell}"`)
      .join(","),
  );
  writeFileSync(
    new URL("learn.csv", RESULTS),
    ["row,what,figure,must_be,holds", ...cells, ""].join("\n"),
  );
  const chart = drawChart({
    title: `One look: recall and violations of fpr:${RATE} at 90%`,
    x: "labels",
    y: "share",
    top: 0.6,
    lines: [
      { name: "mean recall", color: "#0a7", points: oneLook.map((row) => [row.n, row.recall]) },
      {
        name: "violations",
        color: "#c33",
        points: oneLook.map((row) => [row.n, row.violations]),
      },
      { name: "allowed (d)", color: "#999", points: oneLook.map((row) => [row.n, 0.1]) },
    ],
  });
  writeFileSync(new URL("learn.svg", RESULTS), chart);
  console.log(text);
}

/** Requests before and after the release that the breaker's runs are drawn from. */
const POOL_REQUESTS = 40_000;

/** Runs all rows; true when each holds. */
export async function benchLearn([file]: readonly string[]): Promise<boolean> {
  const look = (cells: number): LookRow[] =>
    ONE_LOOK_RECALL.map(([n], at) => runOneLook(n, DRAWS, 100 + at, cells));
  const [coarse, fine] = [look(100), look(FINE)];
  const repeated = runRepeated("repeated", LOOK_SIZES, RUNS, 200, FINE);
  const onceEach = runRepeated("one", LOOK_SIZES, RUNS, 201, FINE);
  const tooHigh = runTooHigh(0.03, LOOK_SIZES, RUNS, openRandom(202).unit);
  const pool = file === undefined ? await drawDemoPool(300, POOL_REQUESTS) : readPool(file);
  const name = file === undefined ? "bins of the demo's traffic" : "recorded bins";
  const restarting = runBreaker(pool, BREAKER_RUNS, 301, "restarting");
  const single = runBreaker(pool, BREAKER_RUNS, 301, "single");
  const checks = [
    ...checkOneLook(coarse, 100),
    ...checkOneLook(fine, FINE),
    ...checkRepeated(repeated),
    ...checkControls(onceEach, tooHigh),
    ...checkBreaker(restarting, single, name),
  ];
  writeReport(checks, fine);
  return checks.every(({ holds }) => holds);
}
