// `npm run crash -- --runs 50 --seed 1`: crash runs one after the other, a line each.
import { parseArgs } from "node:util";
import { startTestKafka } from "../support/broker.ts";
import { type CrashResult, runCrash } from "./crash.ts";
import { planCrash, VICTIMS, type Victim } from "./crash-plan.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, seed: { type: "string", default: "1" } },
});
const [runs, first] = [Number(values.runs), Number(values.seed)];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const writeKills = (kills: Partial<Record<Victim, number>>): string =>
  VICTIMS.map((what) => `${what} ${kills[what] ?? 0}`).join(", ");

function writeRun(result: CrashResult): string {
  const { seed, faults, kills, sent, records, lost, labels, tables, claims, cells, seconds } =
    result;
  const counts = `${sent} requests, ${records} recorded, ${lost} lost, ${sent - records - lost} in the base state, ${labels} labels, ${cells} cells`;
  const story = `${tables} tables by ${claims} claims; killed ${writeKills(kills)}`;
  const verdict = faults.length === 0 ? "holds" : `FAILS: ${faults.join("; ")}`;
  return `seed ${seed}: ${verdict}; ${counts}; ${story}; ${seconds.toFixed(1)} s`;
}

const kafka = await startTestKafka();
if (!kafka) process.exit(1);
const began = performance.now();
let passed = 0;
const total: Partial<Record<Victim, number>> = {};
const sums = { sent: 0, records: 0, labels: 0, tables: 0 };
/** What a run that did not come to its end says. */
const tellThrown = (seed: number, thrown: unknown): void =>
  say(`seed ${seed}: FAILS: ${thrown instanceof Error ? thrown.stack : thrown}`);

try {
  for (let seed = first; seed < first + runs; seed++) {
    const result = await runCrash(kafka, planCrash(seed)).catch((thrown: unknown) =>
      tellThrown(seed, thrown),
    );
    if (!kafka.nodes[0]?.isUp()) await kafka.nodes[0]?.restart();
    if (!result) continue;
    say(writeRun(result));
    if (result.faults.length === 0) passed++;
    else process.stderr.write(`${result.logs}\n`);
    for (const what of VICTIMS) total[what] = (total[what] ?? 0) + (result.kills[what] ?? 0);
    for (const name of ["sent", "records", "labels", "tables"] as const) sums[name] += result[name];
  }
} finally {
  await kafka.remove();
}
const { sent, records, labels, tables } = sums;
const minutes = ((performance.now() - began) / 60_000).toFixed(1);
say(
  `${passed} of ${runs} runs hold; killed ${writeKills(total)}; ${sent} requests, ${records} recorded, ` +
    `${labels} labels acknowledged, ${tables} tables; ${minutes} min`,
);
process.exitCode = passed === runs ? 0 : 1;
