// The join of a day in small: shuffled arrivals, copies, losses, late and conflicting labels, and a
// process that dies twice.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRandom } from "../../../../control/demo/random.ts";
import type { EventLog, NewEvent } from "../../../../control/events/log.ts";
import { openSqliteLog } from "../../../../control/events/sqlite.ts";
import { createLearner } from "../../../../control/learn/follow.ts";
import { namesOf, TABLE_A, TABLE_B } from "../../../support/decisions.ts";
import { type HandCells, joinByHand, readLabelled } from "../../../support/join-by-hand.ts";
import { aLabel, anIdDecision, aSource, labelSettings } from "../../../support/labels.ts";

const WINDOW_MS = 12_000;
const DECISIONS = 6_000;
const SPAN_MS = 90_000;
const BEGIN = 1_000_000;
const LABELS = labelSettings(aSource({ windowMs: WINDOW_MS }));
const CHILD = join(import.meta.dirname, "../../../support/join-child.ts");

type Timed = { time: number; event: NewEvent };

function makeDecision(seq: number, bin: number): NewEvent {
  const own = { bin, segment: seq % 2, arm: seq % 5 };
  const isOfTwo = seq % 7 === 0;
  return anIdDecision({
    id: seq,
    seq,
    vm: BigInt(seq % 3),
    tableDigest: isOfTwo ? TABLE_B : TABLE_A,
    models: isOfTwo ? [own, { bin: seq % 4096, arm: 2 }] : [own],
  });
}

/** What is said of a decision: mostly once, 3% beyond W, at times twice or two things. */
function makeLabels(seq: number, made: number, share: () => number): Timed[] {
  const record = share() < 0.3 ? { record: { vm: BigInt(seq % 3), seq } } : {};
  const label = share() < 0.2 ? 2 : 1;
  const isLate = share() < 0.03;
  const time = made + (isLate ? WINDOW_MS + share() * 9_000 : share() * WINDOW_MS * 0.8);
  const first = { time, event: aLabel({ id: seq, label, ...record }) };
  if (share() > 0.06) return [first];
  const other = share() < 0.5 ? label : 3 - label;
  return [first, { time: time + share() * 3_000, event: aLabel({ id: seq, label: other }) }];
}

/** Decisions and labels by intake time, in any order: 5% copies, 2% lost. */
function makeTraffic(seed: number): Timed[] {
  const share = openRandom(seed).unit;
  const list = Array.from({ length: DECISIONS }, (_, seq): Timed[] => {
    const made = BEGIN + (seq * SPAN_MS) / DECISIONS;
    const event = makeDecision(seq, Math.floor(share() * 4096));
    const time = made + share() * 1_500;
    return [
      ...(share() > 0.02 ? [{ time, event }] : []),
      ...(share() < 0.05 ? [{ time: time + share() * 4_000, event }] : []),
      ...(share() < 0.6 ? makeLabels(seq, made, share) : []),
    ];
  }).flat();
  return list.sort((a, b) => a.time - b.time);
}

async function fill(log: EventLog, clock: { now: number }, list: readonly Timed[]): Promise<void> {
  for (let at = 0; at < list.length; at += 20) {
    const batch = list.slice(at, at + 20);
    clock.now = Math.floor(batch.at(-1)?.time ?? 0);
    await log.append(batch.map(({ event }) => event));
  }
  for (let more = 0; more < 3; more++) {
    clock.now += 3 * WINDOW_MS;
    await log.append([anIdDecision({ id: 1_000_000 + more, seq: more, vm: 9n })]);
  }
}

/** A child joins some steps and is killed some time into the next one. */
async function joinAndKill(file: string, steps: number, lateMs: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, file, JSON.stringify(LABELS)]);
  const gone = new Promise((resolve) => child.once("close", resolve));
  let told = "";
  await new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.stdout.on("data", (chunk) => {
      told += chunk;
      if (told.split("\n").length > steps) resolve();
    });
  });
  await sleep(lateMs);
  child.kill("SIGKILL");
  await gone;
  return told.split("\n").length;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-join-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function joinWithKills(file: string, seed: number, kills: number) {
  const clock = { now: 0 };
  const log = openSqliteLog(file, { now: () => clock.now });
  await fill(log, clock, makeTraffic(seed));
  await log.close();
  const random = openRandom(seed);
  for (let kill = 0; kill < kills; kill++) {
    // Two kills go far in; many creep.
    const steps = kills === 2 ? 28 + random.below(11) : 1 + random.below(4);
    await joinAndKill(file, steps, random.below(7));
  }
  const again = openSqliteLog(file, { now: () => clock.now });
  const learner = await createLearner({ log: again, namesOf, checkpointMs: 2_000, labels: LABELS });
  const begun = learner.states[0]?.next ?? 0n;
  while ((await learner.step()) > 0);
  const counted = await readLabelled(again);
  const settings = { windowMs: WINDOW_MS, cohortMs: 1_000, affected: { desk: true } };
  const byHand = await joinByHand(again, settings, clock.now - 3 * WINDOW_MS);
  await again.close();
  return { begun, counted, byHand, fates: learner.states[0]?.joining?.join.fates };
}

const sumOf = (cells: HandCells, label: number): number =>
  [...cells].reduce((sum, [key, n]) => sum + (key.endsWith(` ${label}`) ? n : 0), 0);

describe("the join on the SQLite log", () => {
  it("has the integers of a join by hand after two kill -9", async () => {
    const run = await joinWithKills(join(folder, "two.db"), 7, 2);
    expect(run.begun).toBeGreaterThan(0n);
    expect(run.counted).toEqual(run.byHand);
    // The traffic holds what the claim speaks of.
    expect(sumOf(run.byHand, 1)).toBeGreaterThan(1_000);
    expect(sumOf(run.byHand, 2)).toBeGreaterThan(200);
    for (const fate of ["late", "conflicting", "duplicate", "unknown", "acted"] as const) {
      expect(run.fates?.[fate], fate).toBeGreaterThan(10);
    }
  }, 120_000);

  it("has the integers of a join by hand after 50 kill -9", async () => {
    const run = await joinWithKills(join(folder, "fifty.db"), 8, 50);
    expect(run.counted).toEqual(run.byHand);
  }, 180_000);
});
