/**
 * The learner on the SQLite log: decode, join and count against a bare read of the same rows, and
 * its memory over many decisions of 1,000 segments.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventLog, NewEvent } from "../../control/events/log.ts";
import { openSqliteLog } from "../../control/events/sqlite.ts";
import { createLearner, type Learner } from "../../control/learn/follow.ts";
import { aLabel, anIdDecision, aSource, labelSettings } from "../support/labels.ts";
import { drawChart } from "./chart.ts";

const SEGMENTS = 1_000;
const ROWS = 200_000;
const RUNS = 3;
const BATCH = 1_000;
const READ_EVENTS = 500;
const RATIO_MIN = 0.25;
/** Resident memory at the end against that after a quarter, when W is full and the heap grown. */
const GROWTH_MAX = 1.1;
const KEEP_MS = 60_000;
/** W of 24 s: cohorts of 1 s, as many open ones as with 24 h. */
const LABELS = labelSettings(aSource({ windowMs: 24_000 }));
const RESULTS = join(import.meta.dirname, "results");
const names = {
  segments: Array.from({ length: SEGMENTS }, (_, number) => `segment-${number}`),
  models: [{ name: "bot", digest: "00000000000000b0" }],
};
const namesOf = () => names;

/** Decisions as a shop sends them: 2% audit, a label for one in fifty. */
function makeEvents(from: number, count: number): NewEvent[] {
  return Array.from({ length: count }, (_, index): NewEvent[] => {
    const id = from + index;
    // Four workers, each with its own count.
    const [vm, seq] = [BigInt(1 + (id % 4)), Math.floor(id / 4)];
    const bin = Math.floor(4096 * ((id * 0.618034) % 1) ** 3);
    const model = { segment: (id * 7919) % SEGMENTS, bin, arm: id % 50 === 0 ? 2 : 0 };
    const decision = anIdDecision({ id, seq, vm, models: [model] });
    return id % 50 === 7 ? [decision, aLabel({ id: id - 7, label: 1 })] : [decision];
  }).flat();
}

type Clock = { now: number };

/** 10,000 decisions a second of the log's time. */
async function fill(log: EventLog, clock: Clock, from: number, count: number): Promise<void> {
  for (let at = from; at < from + count; at += BATCH) {
    clock.now += BATCH / 10;
    await log.append(makeEvents(at, Math.min(BATCH, from + count - at)));
  }
}

async function readBare(log: EventLog): Promise<number> {
  const begun = performance.now();
  for (const topic of ["limen.decisions", "limen.labels"] as const) {
    let from = 0n;
    for (let last = READ_EVENTS; last === READ_EVENTS; ) {
      const events = await log.read(topic, 0, from, READ_EVENTS);
      last = events.length;
      from = (events.at(-1)?.offset ?? from) + 1n;
    }
  }
  return performance.now() - begun;
}

/** The learner as it runs, but for its checkpoints: they go nowhere, so that each run has the same
 * rows to read. Their making is in the figure, their writing is not. */
async function openReader(log: EventLog): Promise<Learner> {
  const silent: EventLog = {
    ...log,
    append: async () => undefined,
    end: async (topic, partition) => (topic === "limen.counts" ? 0n : log.end(topic, partition)),
  };
  return createLearner({ log: silent, namesOf, labels: LABELS });
}

async function fold(learner: Learner): Promise<number> {
  const begun = performance.now();
  while ((await learner.step()) > 0);
  return performance.now() - begun;
}

type Ratio = { run: number; readMs: number; foldMs: number; ratio: number };

async function measureRatio(folder: string): Promise<Ratio[]> {
  const clock = { now: 1_000_000 };
  const log = openSqliteLog(join(folder, "ratio.db"), { now: () => clock.now });
  await fill(log, clock, 0, ROWS);
  const rows: Ratio[] = [];
  for (let run = 0; run < RUNS; run++) {
    const readMs = await readBare(log);
    const foldMs = await fold(await openReader(log));
    rows.push({ run, readMs, foldMs, ratio: readMs / foldMs });
  }
  await log.close();
  return rows;
}

type Point = { decisions: number; residentMb: number; heapMb: number; seconds: number };

/** Fills and folds by turns; old rows expire, as they do in a service. */
async function measureMemory(folder: string, decisions: number): Promise<Point[]> {
  const clock = { now: 1_000_000 };
  const file = join(folder, "memory.db");
  const log = openSqliteLog(file, { now: () => clock.now, keepMs: KEEP_MS });
  const learner = await createLearner({ log, namesOf, labels: LABELS });
  const points: Point[] = [];
  const step = Math.max(BATCH, decisions / 40);
  const begun = performance.now();
  for (let at = 0; at < decisions; at += step) {
    for (let done = 0; done < step; done += 20_000) {
      await fill(log, clock, at + done, Math.min(20_000, step - done));
      await fold(learner);
    }
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    points.push({
      decisions: at + step,
      residentMb: rss / 1e6,
      heapMb: (heapUsed + external) / 1e6,
      seconds: (performance.now() - begun) / 1_000,
    });
    const last = points.at(-1);
    console.log(`${last?.decisions} decisions, ${last?.residentMb.toFixed(0)} MB resident`);
  }
  await log.close();
  return points;
}

function writeResults(ratios: readonly Ratio[], points: readonly Point[]): void {
  mkdirSync(RESULTS, { recursive: true });
  const ratioLines = ratios.map(
    ({ run, readMs, foldMs, ratio }) =>
      `${run},${ROWS},${readMs.toFixed(0)},${foldMs.toFixed(0)},${ratio.toFixed(3)}`,
  );
  const title = "run,decisions,read_ms,fold_ms,ratio";
  writeFileSync(join(RESULTS, "rate.csv"), `${[title, ...ratioLines].join("\n")}\n`);
  const memory = points.map(
    ({ decisions, residentMb, heapMb, seconds }) =>
      `${decisions},${residentMb.toFixed(1)},${heapMb.toFixed(1)},${seconds.toFixed(1)}`,
  );
  const head = "decisions,resident_mb,heap_mb,seconds";
  writeFileSync(join(RESULTS, "rate-memory.csv"), `${[head, ...memory].join("\n")}\n`);
  const top = Math.ceil(Math.max(...points.map(({ residentMb }) => residentMb)) / 100) * 100;
  const line = (name: string, color: string, of: (point: Point) => number) => ({
    name,
    color,
    points: points.map((point) => [point.decisions, of(point)] as const),
  });
  const chart = drawChart({
    title: `Memory of the learner, ${SEGMENTS} segments, labels joined`,
    x: "decisions",
    y: "MB",
    top,
    lines: [
      line("resident", "#b03060", ({ residentMb }) => residentMb),
      line("heap and buffers", "#306090", ({ heapMb }) => heapMb),
    ],
  });
  writeFileSync(join(RESULTS, "rate-memory.svg"), chart);
}

/** `rate [DECISIONS]`: 10^7 unless said. */
export async function benchRate(args: readonly string[]): Promise<boolean> {
  const decisions = Number(args[0] ?? 10_000_000);
  const folder = mkdtempSync(join(tmpdir(), "limen-rate-"));
  try {
    const ratios = await measureRatio(folder);
    for (const { run, readMs, foldMs, ratio } of ratios) {
      const rate = ((ROWS / foldMs) * 1_000).toFixed(0);
      console.log(
        `run ${run}: read ${readMs.toFixed(0)} ms, decode + join + count ${foldMs.toFixed(0)} ms, ` +
          `${rate} decisions/s, ${ratio.toFixed(2)}x of a bare read`,
      );
    }
    const points = await measureMemory(folder, decisions);
    writeResults(ratios, points);
    const median = ratios.map(({ ratio }) => ratio).sort((a, b) => a - b)[1] ?? 0;
    const early = points[Math.floor(points.length / 4)]?.residentMb ?? 0;
    const late = points.at(-1)?.residentMb ?? 0;
    console.log(`ratio ${median.toFixed(2)} (least ${RATIO_MIN}); memory ${early} -> ${late} MB`);
    return median >= RATIO_MIN && late <= early * GROWTH_MAX;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
