import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NewEvent, VALUE_BYTES_MAX } from "../../../control/events/log.ts";
import { addToCell, createCells, nameSlice } from "../../../control/learn/cells.ts";
import { takeCheckpoint } from "../../../control/learn/checkpoint.ts";
import { restoreState } from "../../../control/learn/restore.ts";
import { splitAppend } from "../../../control/learn/split-append.ts";
import {
  type CohortCounts,
  createState,
  type FoldSettings,
  type LearnState,
} from "../../../control/learn/state.ts";
import { createSkewedLog, type SkewedLog } from "./skewed-log.ts";

const SETTINGS: FoldSettings = {
  partition: 0,
  sliceMs: 1_000,
  checkpointMs: 1_000,
  keepScored: Number.POSITIVE_INFINITY,
  keepCells: Number.POSITIVE_INFINITY,
};

/** VMs with gaps of some thousand seqs each. */
function fillVms(state: LearnState, vms: number, gaps: number, shift: number): void {
  for (let number = 0; number < vms; number++) {
    const vm = BigInt(number);
    const low = 7 + shift;
    const own: number[] = [];
    for (let at = 0; at < gaps; at++) {
      const first = low + 1 + at * 90_000;
      own.push(first, first + 20_000 + ((at * 131) % 40_000));
    }
    const high = (own.at(-1) ?? low) + 1;
    const known = { node: `node-${number}`, vm, low, high, gaps: own, closedMissing: number };
    state.seqs.vms.set(`${vm}/${known.node}`, known);
  }
}

/** A closed cohort with a count in each of so many bins of five arms. */
function fillCohort(state: LearnState, cohort: number, bins: number): void {
  const counts: CohortCounts = { ...createCells(), cohort, from: 0n, to: BigInt(cohort) };
  for (const segment of ["rest", "shop/a"]) {
    for (let at = 0; at < bins * 5; at++) {
      const place = { bin: Math.floor(at / 5), arm: at % 5, label: 0 };
      addToCell(counts, nameSlice("b0", segment), "00000000000000aa", place, 1 + (at % 300));
    }
  }
  state.cohorts.set(cohort, counts);
  state.unsaved.push(counts);
}

function fillState(size: { vms: number; gaps: number; cohorts: number; bins: number }): LearnState {
  const state = createState(SETTINGS);
  fillVms(state, size.vms, size.gaps, 0);
  for (let cohort = 1; cohort <= size.cohorts; cohort++) fillCohort(state, cohort, size.bins);
  state.open = size.cohorts + 1;
  state.next = BigInt(size.cohorts);
  state.counters.decisions = 12_345;
  return state;
}

const open = (): SkewedLog => createSkewedLog(1, () => 1_000_000);

async function write(log: SkewedLog, state: LearnState): Promise<number> {
  const { counts } = takeCheckpoint(state);
  const bytes = counts.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  const largest = counts.reduce((most, { value }) => Math.max(most, value?.length ?? 0), 0);
  expect(largest).toBeLessThanOrEqual(VALUE_BYTES_MAX);
  for (const batch of splitAppend(counts)) await log.append(batch);
  return bytes;
}

const restore = (log: SkewedLog): Promise<LearnState> => restoreState(log, SETTINGS);

/** Cells in any order of slices and of bins. */
const cellsOf = ({ cohorts }: LearnState): string[][] =>
  [...cohorts.values()].map(({ cohort, slices }) =>
    [...slices.values()]
      .flatMap(({ segment, cells }) =>
        [...cells.values()].map(
          ({ arm, bin, count }) => `${cohort} ${segment} ${arm} ${bin} ${count}`,
        ),
      )
      .sort(),
  );

describe("a checkpoint of a large state", () => {
  it("is restored equal above 50 MB, each record below the largest value of the log", async () => {
    const state = fillState({ vms: 4_096, gaps: 2_000, cohorts: 20, bins: 4_096 });
    const log = open();
    const began = performance.now();
    const bytes = await write(log, state);
    const written = performance.now();
    const restored = await restore(log);
    const tookMs = [written - began, performance.now() - written].map(Math.round);
    process.stdout.write(`checkpoint: ${bytes} bytes, ${tookMs.join(" and ")} ms there and back\n`);
    expect(bytes).toBeGreaterThan(50_000_000);
    expect(restored.seqs.vms.size).toBe(4_096);
    let different = 0;
    for (const [key, vm] of state.seqs.vms) {
      const own = restored.seqs.vms.get(key);
      const isSame = own?.gaps.every((number, at) => vm.gaps[at] === number);
      const { gaps, ...rest } = vm;
      if (!isSame || own?.gaps.length !== gaps.length) different++;
      expect(own).toMatchObject(rest);
    }
    expect(different).toBe(0);
    expect(cellsOf(restored)).toEqual(cellsOf(state));
    expect([restored.next, restored.open, restored.counters]).toEqual([
      state.next,
      state.open,
      state.counters,
    ]);
  }, 120_000);

  it("writes the VMs again only when replay would be cheaper than they are", async () => {
    const state = fillState({ vms: 300, gaps: 2_000, cohorts: 1, bins: 1 });
    const log = open();
    const first = await write(log, state);
    state.open++;
    const second = await write(log, state);
    state.open += 10;
    const third = await write(log, state);
    expect([first > 3_000_000, second < 1_000, third > 3_000_000]).toEqual([true, true, true]);
  });
});

describe("a checkpoint that is torn", () => {
  it("leaves the one before, wherever its appends end", async () => {
    const events = takeCheckpoint(fillState({ vms: 300, gaps: 2_000, cohorts: 1, bins: 1 })).counts
      .length;
    expect(events).toBeGreaterThan(6);
    for (let after = 0; after <= events + 1; after++) {
      const state = fillState({ vms: 300, gaps: 2_000, cohorts: 1, bins: 1 });
      const log = open();
      await write(log, state);
      fillVms(state, 300, 2_000, 5);
      state.open += 100;
      state.next += 100n;
      log.tearAfter = after;
      const isTorn = await write(log, state).then(
        () => false,
        () => true,
      );
      const restored = await restore(log);
      const lows = new Set([...restored.seqs.vms.values()].map(({ low }) => low));
      expect([restored.next, ...lows]).toEqual(isTorn ? [1n, 7] : [101n, 12]);
      expect(restored.seqs.vms.size).toBe(300);
    }
  }, 60_000);

  it("is not taken when it is the first: the fold begins anew", async () => {
    const state = fillState({ vms: 300, gaps: 2_000, cohorts: 1, bins: 1 });
    const log = open();
    log.tearAfter = 4;
    await expect(write(log, state)).rejects.toThrow("torn");
    expect((await restore(log)).next).toBe(0n);
  });
});

describe("checkpoints of two writers, record by record", () => {
  /** Five VMs of so long a name that they take three records; all tell which state it is. */
  function changeState(state: LearnState, number: number): void {
    state.next = BigInt(number);
    state.open += 100;
    for (let vm = 0; vm < 5; vm++) {
      const node = `${vm}`.repeat(400_000);
      const known = { node, vm: 1n, low: number, high: number, gaps: [], closedMissing: 0 };
      state.seqs.vms.set(`${vm}`, known);
    }
  }

  const turns = fc.array(fc.record({ who: fc.nat(1), records: fc.integer({ min: 1, max: 7 }) }), {
    minLength: 1,
    maxLength: 14,
  });

  type Writer = { state: LearnState; pending: NewEvent[] };
  const openWriter = (): Writer => ({ state: createState(SETTINGS), pending: [] });

  /** Appends some records of a writer's checkpoint; the state it tells of when it is whole then. */
  async function writeSome(log: SkewedLog, writer: Writer, records: number, number: number) {
    const { state, pending } = writer;
    if (pending.length === 0) {
      changeState(state, number);
      pending.push(...takeCheckpoint(state).counts);
    }
    await log.append(pending.splice(0, records));
    return pending.length === 0 ? Number(state.next) : 0;
  }

  it("never mix: what is restored is the furthest one that is whole", async () => {
    await fc.assert(
      fc.asyncProperty(turns, async (list) => {
        const log = open();
        const writers = [openWriter(), openWriter()] as const;
        let furthest = 0;
        for (const [turn, { who, records }] of list.entries()) {
          const writer = who === 0 ? writers[0] : writers[1];
          furthest = Math.max(furthest, await writeSome(log, writer, records, turn + 1));
          const restored = await restore(log);
          const lows = new Set([...restored.seqs.vms.values()].map(({ low }) => low));
          const expected = furthest === 0 ? [0] : [furthest, furthest];
          expect([Number(restored.next), ...lows]).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});

describe("restoreState", () => {
  it("reads its own partition alone when both topics have as many", async () => {
    const log = createSkewedLog(3, () => 1_000_000);
    const read: number[] = [];
    const spied: SkewedLog = {
      ...log,
      read: (topic, partition, ...rest) => {
        read.push(partition);
        return log.read(topic, partition, ...rest);
      },
    };
    for (const partition of [0, 1, 2]) {
      const state = createState({ ...SETTINGS, partition });
      state.next = BigInt(10 * partition);
      state.open = 1;
      await log.append(takeCheckpoint(state).counts);
    }
    const restored = await restoreState(spied, { ...SETTINGS, partition: 2 });
    expect([restored.next, ...new Set(read)]).toEqual([20n, 2]);
  });

  it("removes the records of writers before, once it has written its own", async () => {
    const log = open();
    await write(log, fillState({ vms: 3, gaps: 3, cohorts: 1, bins: 1 }));
    const second = await restore(log);
    second.open += 10;
    second.next += 10n;
    await write(log, second);
    const keys = (await log.read("limen.counts", 0, 0n, 1_000))
      .filter(({ value }) => value !== null)
      .map(({ key }) => Buffer.from(key ?? []).toString());
    const writers = keys
      .filter((key) => !key.startsWith("counts/"))
      .map((key) => key.split("/")[2]);
    expect(new Set(writers)).toEqual(new Set([second.saved.writer]));
    expect((await restore(log)).next).toBe(second.next);
  });
});

describe("splitAppend", () => {
  const event = (bytes: number) => ({
    topic: "limen.counts" as const,
    key: null,
    value: new Uint8Array(bytes),
  });

  it("fills appends up to the bytes given, in order", () => {
    const appends = splitAppend([event(36), event(36), event(36)], 200);
    expect(appends.map(({ length }) => length)).toEqual([2, 1]);
    expect(splitAppend([event(36), event(37)], 200).map(({ length }) => length)).toEqual([1, 1]);
  });

  it("gives what is larger than that an append of its own", () => {
    expect(splitAppend([event(1), event(500), event(1)], 200).length).toBe(3);
  });
});
