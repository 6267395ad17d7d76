// What somebody could send to spoil the join: each ends in a counter, and never in a count.
import { describe, expect, it } from "vitest";
import { addCohort, auditOf, openEpoch } from "../../../../control/learn/certify/epoch.ts";
import { createLearner } from "../../../../control/learn/follow.ts";
import { listClosedCohorts } from "../../../../control/learn/join/closed.ts";
import type { LabelSource } from "../../../../control/learn/join/sources.ts";
import { namesOf } from "../../../support/decisions.ts";
import {
  aHeartbeat,
  aLabel,
  anIdDecision,
  aSource,
  aTick,
  labelSettings,
} from "../../../support/labels.ts";
import { createMemoryLog } from "../../../support/memory-log.ts";

const BEGIN = 1_000_000;
type Step = { at: number; event: ReturnType<typeof aLabel> };

/** Events at their times (milliseconds from the begin), then silence until all is closed. */
async function run(steps: readonly Step[], source: Partial<LabelSource> = {}, holdMax?: number) {
  const clock = { now: BEGIN };
  const log = createMemoryLog({ now: () => clock.now });
  for (const { at, event } of steps) {
    clock.now = BEGIN + at;
    await log.append([event]);
  }
  for (const at of [30_000, 30_001]) {
    clock.now = Math.max(clock.now, BEGIN + at);
    await log.append([aTick()]);
    clock.now++;
  }
  const labels = labelSettings(aSource(source));
  const learner = await createLearner({
    log,
    namesOf,
    labels,
    ...(holdMax === undefined ? {} : { holdMax }),
  });
  while ((await learner.step()) > 0);
  const join = learner.states[0]?.joining?.join;
  const cohorts = listClosedCohorts(learner.states, "b0");
  const tally = { positive: 0, negative: 0, unlabelled: 0 };
  for (const { counts } of cohorts) for (const { label, count } of counts) tally[label] += count;
  return { fates: join?.fates, cohorts, tally, held: join?.held };
}

const decided = (
  at: number,
  id: number,
  more: { seq?: number; arm?: number; bin?: number } = {},
) => ({
  at,
  event: anIdDecision({
    id,
    seq: more.seq ?? id,
    models: [{ arm: more.arm ?? 2, bin: more.bin ?? 100 }],
  }),
});
const labelled = (at: number, id: number, more: Partial<Parameters<typeof aLabel>[0]> = {}) => ({
  at,
  event: aLabel({ id, ...more }),
});

describe("the join, with labels somebody means ill by", () => {
  it("counts labels of ids nobody saw as unknown once W is over", async () => {
    const steps = Array.from({ length: 50 }, (_, id) => labelled(id, 1_000 + id));
    const { fates, tally } = await run([decided(0, 1), ...steps]);
    expect(fates).toMatchObject({ unknown: 50, joined: 0, waiting: 0 });
    expect(tally).toEqual({ positive: 0, negative: 0, unlabelled: 1 });
  });

  it("counts a replayed label once, and the copies as duplicates", async () => {
    const copies = Array.from({ length: 20 }, (_, at) => labelled(10 + at, 1));
    const { fates, tally } = await run([decided(0, 1), ...copies]);
    expect(fates).toMatchObject({ joined: 1, duplicate: 19 });
    expect(tally.positive).toBe(1);
  });

  it("keeps the first of two labels that disagree", async () => {
    const two = [labelled(10, 1, { label: 1 }), labelled(20, 1, { label: 2 })];
    const { fates, tally } = await run([decided(0, 1), ...two]);
    expect(fates).toMatchObject({ joined: 1, conflicting: 1 });
    expect(tally).toEqual({ positive: 0, negative: 1, unlabelled: 0 });
  });

  it("lets no label by id count where a client forces one id on many requests", async () => {
    const forced = Array.from({ length: 200 }, (_, seq) => decided(seq, 7, { seq }));
    const { fates, tally } = await run([...forced, labelled(300, 7, { label: 1 })]);
    expect(fates).toMatchObject({ ambiguous: 1, joined: 0 });
    // Not read as negatives either: certification counts them against the claim.
    expect(tally).toEqual({ positive: 0, negative: 0, unlabelled: 200 });
  });

  it("lets a token say which of the decisions of a forced id it means", async () => {
    const forced = Array.from({ length: 200 }, (_, seq) => decided(seq, 7, { seq }));
    const token = labelled(300, 7, { label: 1, record: { vm: 1n, seq: 42 } });
    const { fates, tally } = await run([...forced, token]);
    expect(fates).toMatchObject({ joined: 1, ambiguous: 0 });
    expect(tally).toEqual({ positive: 0, negative: 1, unlabelled: 199 });
  });

  it("takes back a label by id when the id comes again within W", async () => {
    const { fates, tally } = await run([
      decided(0, 7, { seq: 0 }),
      labelled(10, 7, { label: 1 }),
      decided(20, 7, { seq: 1 }),
    ]);
    expect(fates).toMatchObject({ joined: 0, ambiguous: 1 });
    expect(tally.negative).toBe(0);
  });

  it("counts no label of an acted request, unless a tag does not affect its source", async () => {
    const steps = [decided(0, 1, { arm: 1 }), labelled(10, 1)];
    const affected = await run(steps);
    expect([affected.fates?.acted, affected.tally.positive]).toEqual([1, 0]);
    const free = await run(steps, { affectedByTag: false });
    expect([free.fates?.acted, free.tally.positive]).toEqual([0, 1]);
  });

  it("counts a label later than W in the late share only", async () => {
    const inTime = await run([decided(0, 1), labelled(3_000, 1)]);
    expect([inTime.fates?.late, inTime.tally.positive]).toEqual([0, 1]);
    const late = await run([decided(0, 1), labelled(3_001, 1)]);
    expect([late.fates?.late, late.tally.positive]).toEqual([1, 0]);
  });

  it("counts labels of sources that are not declared as invalid", async () => {
    const { fates } = await run([decided(0, 1), labelled(1, 1, { source: "somebody" })]);
    expect(fates).toMatchObject({ invalid: 1, joined: 0 });
  });

  it("holds a bounded number of decisions in a flood, and a random part of each cohort", async () => {
    const flood = Array.from({ length: 4_000 }, (_, seq) => decided(seq / 10, seq, { seq }));
    const { cohorts, held } = await run(flood, {}, 1_100);
    expect(held?.mask).toBeLessThan(1_100);
    const [first] = cohorts;
    // 1,100 over 11 cohorts, three quarters of it for the audit slice: 75 at the most.
    expect(first?.held).toBeGreaterThan(30);
    expect(first?.held).toBeLessThanOrEqual(75);
    expect(first?.seen).toBe(4_000);
  });
});

describe("the join, where absence is a negative", () => {
  const absence = { negatives: "absence", heartbeatMs: 1_500 } as const;
  const beats = Array.from({ length: 40 }, (_, at) => ({ at: 200 * at, event: aHeartbeat() }));
  const mixed = (steps: readonly Step[]) => [...steps].sort((a, b) => a.at - b.at);

  it("reads silence as a negative while the source is heard", async () => {
    const { cohorts, tally } = await run(mixed([decided(100, 1), ...beats]), absence);
    expect(cohorts[0]).toMatchObject({ usable: true, why: "" });
    expect(tally).toEqual({ positive: 0, negative: 1, unlabelled: 0 });
  });

  it("marks a cohort unusable when the source is silent for longer than its heartbeat", async () => {
    const gap = beats.filter(({ at }) => at < 1_000 || at > 2_800);
    const { cohorts } = await run(mixed([decided(100, 1), ...gap]), absence);
    expect(cohorts[0]).toMatchObject({ usable: false, why: expect.stringMatching(/silent for/) });
  });

  it("marks a cohort unusable when the clock jumps over its window", async () => {
    const steps = mixed([decided(100, 1), ...beats.filter(({ at }) => at < 1_000)]);
    const { cohorts } = await run([...steps, { at: 20_000, event: aHeartbeat() }], absence);
    expect(cohorts[0]?.usable).toBe(false);
  });

  it("marks a cohort unusable below the least rate of its source", async () => {
    // The window of the first cohort is 4 s: at least 2 labels.
    const rate = { negatives: "absence", minPerMs: 0.0005 } as const;
    const one = await run([decided(100, 1), labelled(200, 1)], rate);
    expect(one.cohorts[0]).toMatchObject({ usable: false, why: expect.stringMatching(/1 labels/) });
    const two = await run([decided(100, 1), labelled(200, 1), labelled(300, 9)], rate);
    expect(two.cohorts[0]?.usable).toBe(true);
  });
});

describe("the join, when the clock goes back", () => {
  it("has the integers of a log whose time stood still", async () => {
    const back = [decided(5_000, 1), decided(1_000, 2), labelled(500, 1), labelled(8_100, 2)];
    const still = [decided(5_000, 1), decided(5_000, 2), labelled(5_000, 1), labelled(8_100, 2)];
    const [a, b] = [await run(back), await run(still)];
    expect(a.cohorts).toEqual(b.cohorts);
    expect(a.fates).toMatchObject({ joined: 1, late: 1 });
  });
});

describe("listClosedCohorts", () => {
  it("gives certification what it adds to an epoch, the audit arm by segment and bin", async () => {
    const { cohorts } = await run([
      decided(0, 1, { bin: 9 }),
      decided(1, 2, { bin: 9 }),
      decided(2, 3, { bin: 9, arm: 0 }),
      labelled(10, 1, { label: 1 }),
      labelled(11, 3, { label: 1 }),
    ]);
    const identity = { modelDigest: "b0", windowMs: 3_000, segments: "s", objective: "fpr:0.01" };
    const epoch = cohorts.reduce(addCohort, openEpoch(identity, 0, "first"));
    const { positives, negatives, unlabelled } = auditOf(epoch, "rest");
    expect([positives, negatives, unlabelled]).toEqual([
      new Map(),
      new Map([[9, 1]]),
      new Map([[9, 1]]),
    ]);
  });
});
