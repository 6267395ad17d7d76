/** Roles on a real Kafka: rates as ratios, memory, and what they come to at other rates.
 * `npm run bench -- kafka [--full | --rates] [--fill=PER_SECOND] [DECISIONS]`. */
import { readFileSync, writeFileSync } from "node:fs";
import { startTestKafka } from "../support/broker.ts";
import { drawChart } from "./chart.ts";
import { describeMachine, readLoad, summarize, writeReport } from "./figures.ts";
import { BATCH_EVENTS, PARTITIONS, SEGMENTS } from "./kafka-contenders.ts";
import { LABEL_EACH } from "./kafka-load.ts";
import { type MemoryPoint, measureMemory, ROLES } from "./kafka-memory.ts";
import {
  CONTENDERS,
  type Contender,
  measureTopic,
  openStage,
  type Round,
  runOnce,
  runRounds,
} from "./kafka-rounds.ts";
import type { Constants } from "./kafka-sizing.ts";
import { showConstants, showSizing } from "./kafka-tables.ts";

const [ROUNDS, WARM] = [7, 1];
const [DECISIONS, MEMORY_QUICK, MEMORY_FULL] = [200_000, 400_000, 10_000_000];
/** A third of what one learner takes here: its checkpoints are as dense as in one that is busy. */
const FILL_PER_SECOND = 50_000;
const LEARNER_MIN = 0.35;
const COLLECTOR_MIN = 0.6;
/** The middle of the last quarter against that of the second one: W is full then, and heaps grown. */
const GROWTH_MAX = 1.1;

const NAMES: Readonly<Record<Contender, string>> = {
  learner: "learner: decoded, joined, counted, checkpointed",
  rawRead: "`kafkajs`, eachBatch",
  javaRead: "Java, `kafka-consumer-perf-test`",
  collector: "collector: bytes of messages to acknowledged appends",
  rawWrite: "`kafkajs`, idempotent producer",
  javaWrite: "Java, `kafka-producer-perf-test`",
};

type Rates = Readonly<Record<Contender, number>>;

const ratesOf = (rounds: readonly Round[], contender: Contender): number[] =>
  rounds.filter((one) => one.contender === contender).map(({ perSecond }) => perSecond);

const medianOf = (values: readonly number[]): number => summarize(values).median;

const listMedians = (rounds: readonly Round[]): Rates =>
  Object.fromEntries(CONTENDERS.map((one) => [one, medianOf(ratesOf(rounds, one))])) as Rates;

/** Of the same round, least and most. */
function spreadOf(rounds: readonly Round[], own: Contender, beside: Contender): string {
  const [ours, theirs] = [ratesOf(rounds, own), ratesOf(rounds, beside)];
  const ratios = ours.map((rate, at) => rate / (theirs[at] ?? Number.NaN));
  return `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
}

function showRates(rounds: readonly Round[], rates: Rates): string[][] {
  const beside = (one: Contender): Contender =>
    one === "collector" || one === "javaWrite" || one === "rawWrite" ? "rawWrite" : "rawRead";
  const least = { learner: LEARNER_MIN, collector: COLLECTOR_MIN };
  return CONTENDERS.map((one) => {
    const all = ratesOf(rounds, one);
    const ratio = rates[one] / rates[beside(one)];
    const must = Object.hasOwn(least, one) ? `${least[one as "learner" | "collector"]}` : "";
    const cpu = medianOf(rounds.filter(({ contender }) => contender === one).map((r) => r.cpuUs));
    return [
      NAMES[one],
      rates[one].toFixed(0),
      `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`,
      one.startsWith("java") ? "" : cpu.toFixed(1),
      ratio.toFixed(2),
      spreadOf(rounds, one, beside(one)),
      must,
    ];
  });
}

/** Middle of a role's memory over a quarter of the points. */
function quarterOf(points: readonly MemoryPoint[], role: (typeof ROLES)[number], at: number) {
  const size = points.length / 4;
  return medianOf(points.slice(at * size, (at + 1) * size).map(({ mb }) => mb[role]));
}

function drawMemory(points: readonly MemoryPoint[]): void {
  const most = Math.max(...points.flatMap(({ mb }) => ROLES.map((role) => mb[role])));
  const colors = { collect: "#306090", learn: "#b03060", serve: "#3a8040" };
  const chart = drawChart({
    title: "Resident memory of the roles on Kafka",
    x: "decisions",
    y: "MB",
    top: Math.ceil(most / 100) * 100,
    lines: ROLES.map((role) => ({
      name: role,
      color: colors[role],
      points: points.map(({ decisions, mb }) => [decisions, mb[role]] as const),
    })),
  });
  writeFileSync(new URL("results/kafka-memory.svg", import.meta.url), chart);
  const lines = points.map(({ decisions, pushes, seconds, mb }) =>
    [decisions, pushes, seconds.toFixed(1), ...ROLES.map((role) => mb[role].toFixed(1))].join(","),
  );
  const head = `decisions,pushes,seconds,${ROLES.map((role) => `${role}_mb`).join(",")}`;
  const text = `${[head, ...lines].join("\n")}\n`;
  writeFileSync(new URL("results/kafka-memory.csv", import.meta.url), text);
}

function showMemory(points: readonly MemoryPoint[]): string {
  const last = points.at(-1);
  const rows = ROLES.map((role) => {
    const [early, late] = [quarterOf(points, role, 1), quarterOf(points, role, 3)];
    const ends = [points[0]?.mb[role] ?? 0, last?.mb[role] ?? 0];
    const cells = [...ends, early, late].map((mb) => mb.toFixed(0));
    return `| \`${role}\` | ${cells.join(" | ")} | ${(late / early).toFixed(3)} |`;
  });
  return [
    "| role | MB, first | last | second quarter | last quarter | ratio |\n|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** Of the run before: the csv that it left. */
function readMemory(): MemoryPoint[] {
  const text = readFileSync(new URL("results/kafka-memory.csv", import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [decisions = 0, pushes = 0, seconds = 0, collect = 0, learn = 0, serve = 0] = line
        .split(",")
        .map(Number);
      return { decisions, pushes, seconds, mb: { collect, learn, serve } };
    });
}

const isFlat = (points: readonly MemoryPoint[]): boolean =>
  ROLES.every((role) => quarterOf(points, role, 3) <= quarterOf(points, role, 1) * GROWTH_MAX);

type Measured = {
  count: number;
  spanMs: number;
  rounds: Round[];
  points: MemoryPoint[];
  constants: Constants;
};

/** `memory` 0: the one of the run before stands. */
async function measure(count: number, memory: number, perSecond: number): Promise<Measured | null> {
  const kafka = await startTestKafka();
  if (!kafka) return null;
  try {
    const stage = await openStage(kafka, count, perSecond);
    const rounds = await runRounds(stage, ROUNDS, WARM);
    const before = measureTopic(stage, "read-limen.counts");
    await runOnce(stage, "learner");
    const countsBytes = measureTopic(stage, "read-limen.counts") - before;
    const decider = await runOnce(stage, "decider");
    const records = decider.done / (ROUNDS + WARM + 1);
    const rates = listMedians(rounds);
    const { entryBytes, spanMs } = stage;
    const decisionBytes = measureTopic(stage, "read-limen.decisions") / count;
    const labelBytes = measureTopic(stage, "read-limen.labels") / (count / LABEL_EACH);
    const points = memory > 0 ? await measureMemory(kafka, memory) : readMemory();
    const constants: Constants = {
      collectorPerSecond: rates.collector,
      learnerPerSecond: rates.learner,
      deciderPerSecond: (1_000 * decider.done) / decider.took,
      brokerPerSecond: rates.javaWrite,
      entryBytes,
      decisionBytes,
      labelBytes,
      labelShare: 1 / LABEL_EACH,
      countsRecords: records / PARTITIONS / (spanMs / 1_000),
      countsBytes: countsBytes / records,
      collectorBytes: quarterOf(points, "collect", 3) * 2 ** 20,
      learnerBytes: quarterOf(points, "learn", 3) * 2 ** 20,
      heldBytes: 80,
    };
    return { count, spanMs, rounds, points, constants };
  } finally {
    await kafka.remove();
  }
}

function report({ count, spanMs, rounds, points, constants }: Measured, loads: string): void {
  const rates = listMedians(rounds);
  const last = points.at(-1);
  drawMemory(points);
  writeReport({
    name: "kafka",
    title: "Roles on Kafka",
    about: [
      `One real broker (Apache Kafka of \`control/kafka\`, one node, \`acks=all\`, ${PARTITIONS} partitions), ${count} decisions of ${SEGMENTS} segments a round, a label for one in ${LABEL_EACH}. All contenders take turns, in another order each round; ${WARM} rounds to warm up, then ${ROUNDS}. Made by \`npm run bench -- kafka\`.`,
      `${describeMachine()}; load average ${loads}. The broker and everything else share these cores.`,
    ],
    rows: [
      ["what", "a second, median", "least to most", "CPU us each", "ratio", "by round", "at least"],
      ...showRates(rounds, rates),
    ],
    notes: [
      "Ratios are of medians, to `kafkajs` doing the same way: reading `limen.decisions`, or sending keys and values of the same decisions in batches of the same size. Each is a process of its own; CPU is that of the process, without the broker.",
      `The learner is what \`limen run learn\` makes of \`openKafkaLog\` and \`createLearner\`, with a look at the history for each page: labels of a source in the settings, a checkpoint a second of log time, written to \`limen.counts\`. The topic was filled at ${((1_000 * count) / spanMs).toFixed(0)} decisions a second, so that checkpoints are as dense as in a learner that is busy; of a slower topic there are more of them for each decision. The collector's service is fed messages of 40 entries as gRPC gives them, without HTTP/2 and its network; appends are of ${BATCH_EVENTS} events. Java's tools count from the first fetch and send; their start is left out, their warming up is not.`,
      "## Memory",
      `\`limen run collect\`, \`learn\` and \`serve\` as processes of their own, ${last?.decisions ?? 0} decisions by gRPC in ${last?.seconds.toFixed(0)} s, labels by HTTP, ${last?.pushes ?? 0} tables pushed and acknowledged. ![chart](kafka-memory.svg)`,
      showMemory(points),
      "## At other rates: arithmetic, not a measurement",
      showConstants(constants),
      showSizing(constants),
    ],
    values: [
      ["round", "contender", "per_second", "cpu_us"],
      ...rounds.map(({ round, contender, perSecond, cpuUs }) => [
        round,
        contender,
        perSecond.toFixed(0),
        cpuUs.toFixed(2),
      ]),
    ],
  });
}

/**
 * `kafka [--full | --rates] [DECISIONS]`: DECISIONS a round; `--full` for 10^7 in the memory part,
 * `--rates` without that part, which stays as it was.
 */
export async function benchKafka(args: readonly string[]): Promise<boolean> {
  const before = readLoad();
  const count = Number(args.find((one) => /^\d+$/.test(one)) ?? DECISIONS);
  const memory = args.includes("--full") ? MEMORY_FULL : MEMORY_QUICK;
  const fill = args.find((one) => one.startsWith("--fill="))?.slice("--fill=".length);
  const perSecond = Number(fill ?? FILL_PER_SECOND);
  const measured = await measure(count, args.includes("--rates") ? 0 : memory, perSecond);
  if (!measured) return true;
  report(measured, `${before} before, ${readLoad()} after`);
  const rates = listMedians(measured.rounds);
  const isFast =
    rates.learner >= LEARNER_MIN * rates.rawRead &&
    rates.collector >= COLLECTOR_MIN * rates.rawWrite;
  // The short run ends before W is full.
  const isLong = (measured.points.at(-1)?.decisions ?? 0) >= MEMORY_FULL;
  return isFast && (!isLong || isFlat(measured.points));
}
