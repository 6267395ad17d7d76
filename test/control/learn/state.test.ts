import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventLog, NewEvent } from "../../../control/events/log.ts";
import { RejectedSchema } from "../../../control/events/rejected_pb.ts";
import { listHistograms } from "../../../control/learn/alert.ts";
import {
  closeCohort,
  createState,
  foldEvent,
  type LearnState,
} from "../../../control/learn/state.ts";
import {
  aDecision,
  type DecisionFields,
  namesOf,
  TABLE_A,
  TABLE_B,
} from "../../support/decisions.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

const settings = {
  partition: 0,
  sliceMs: 1_000,
  checkpointMs: 5_000,
  keepScored: 1_000,
  keepCells: 0,
};

async function fold(events: readonly { time: number; event: NewEvent }[]): Promise<LearnState> {
  let now = 0;
  const log: EventLog = createMemoryLog({ now: () => now });
  for (const { time, event } of events) {
    now = time;
    await log.append([event]);
  }
  const state = createState(settings);
  for (const event of await log.read("limen.decisions", 0, 0n, events.length)) {
    closeCohort(state, event);
    foldEvent(state, event, namesOf);
  }
  return state;
}
const foldAll = (list: readonly DecisionFields[]): Promise<LearnState> =>
  fold(list.map((fields) => ({ time: 5_000, event: aDecision(fields) })));

/** All cells as one flat, sorted list of texts. */
function listCells(state: LearnState): string[] {
  return [...state.cohorts.values()]
    .flatMap(({ cohort, slices }) =>
      [...slices.values()].flatMap(({ modelDigest, segment, cells }) =>
        [...cells.values()].map(({ tableDigest, arm, bin, label, count }) =>
          [modelDigest, segment, cohort, tableDigest, arm, bin, label, count].join(" "),
        ),
      ),
    )
    .sort();
}

describe("foldEvent, counts", () => {
  it("counts by model digest, segment name, cohort, table digest, arm, bin and label", async () => {
    const state = await fold([
      {
        time: 1_999,
        event: aDecision({ seq: 0, tableDigest: TABLE_A, models: [{ segment: 1, bin: 9 }] }),
      },
      {
        time: 2_000,
        event: aDecision({
          seq: 1,
          tableDigest: TABLE_A,
          models: [{ segment: 1, bin: 9, arm: 2 }],
        }),
      },
      {
        time: 2_999,
        event: aDecision({
          seq: 2,
          tableDigest: TABLE_A,
          models: [{ segment: 1, bin: 9, arm: 2 }],
        }),
      },
    ]);
    expect(listCells(state)).toEqual([
      `b0 shop 1 ${TABLE_A} 0 9 0 1`,
      `b0 shop 2 ${TABLE_A} 2 9 0 2`,
    ]);
  });

  it("finds a segment by its name when a table gives it another number", async () => {
    const state = await foldAll([
      { seq: 0, tableDigest: TABLE_A, models: [{ segment: 1, bin: 9 }] },
      {
        seq: 1,
        tableDigest: TABLE_B,
        models: [
          { segment: 2, bin: 9 },
          { segment: 1, bin: 4 },
        ],
      },
    ]);
    const [newest] = listHistograms([state], "b0");
    expect(newest?.segments).toEqual(new Map([["shop", new Map([[9, 2]])]]));
    expect(listHistograms([state], "a0")[0]?.segments).toEqual(
      new Map([["bank", new Map([[4, 1]])]]),
    );
  });

  it("counts decisions without a score by status and reason only", async () => {
    const state = await foldAll([
      { seq: 0, status: 0, reason: 2, models: [{ bin: 65535 }] },
      { seq: 1, status: 0, reason: 1, tableDigest: "0".repeat(16), models: [] },
      { seq: 2, status: 1, reason: 0, models: [{ bin: 4000, arm: 1, tag: 1 }] },
    ]);
    expect(Object.fromEntries(state.statuses)).toEqual({ "0/2": 1, "0/1": 1, "1/0": 1 });
    expect(listCells(state).length).toBe(1);
  });
});

describe("foldEvent, what it rejects", () => {
  const reasonOf = async (event: NewEvent): Promise<string> => {
    const state = await fold([{ time: 1, event }]);
    expect(state.counters).toMatchObject({ decisions: 0, rejected: 1 });
    return fromBinary(RejectedSchema, state.rejected[0]?.value ?? new Uint8Array()).reason;
  };

  it("names a table digest nobody knows", async () => {
    const reason = await reasonOf(aDecision({ tableDigest: "00000000000000cc" }));
    expect(reason).toMatch(/table 00000000000000cc is not in the history/);
  });

  it("names a segment its table does not have", async () => {
    const reason = await reasonOf(aDecision({ tableDigest: TABLE_A, models: [{ segment: 2 }] }));
    expect(reason).toMatch(/segment 2/);
  });

  it("names a model its table does not have", async () => {
    const reason = await reasonOf(aDecision({ tableDigest: TABLE_A, models: [{}, {}] }));
    expect(reason).toMatch(/model 1/);
  });

  it("says what is wrong with a record", async () => {
    expect(await reasonOf(aDecision({ format: 2 }))).toMatch(/format 2/);
  });

  it("says that an event does not read, and folds the next", async () => {
    const broken: NewEvent = { ...aDecision(), value: Uint8Array.of(0xff) };
    const state = await fold([
      { time: 1, event: broken },
      { time: 2, event: aDecision() },
    ]);
    expect(state.counters).toMatchObject({ decisions: 1, rejected: 1 });
  });
});

describe("foldEvent, an event without a value", () => {
  it("only moves time on: it is neither counted nor rejected", async () => {
    const state = await fold([
      { time: 1_000, event: aDecision() },
      { time: 9_000, event: { ...aDecision(), value: null } },
    ]);
    expect(state.counters).toMatchObject({ decisions: 1, rejected: 0, duplicates: 0 });
    expect([state.open, state.next]).toEqual([9, 2n]);
  });
});

describe("foldEvent, order, duplicates and loss", () => {
  type Arrival = { seq: number; vm: bigint; bin: number };
  const sent = fc.array(
    fc.record({ vm: fc.constantFrom(1n, 2n), bin: fc.constantFrom(1, 2, 4095) }),
    { minLength: 1, maxLength: 60 },
  );
  /** Some of what was sent, some of it twice, in any order. */
  const arrivals = sent.chain((list) => {
    const next = { 1: 0, 2: 0 };
    const whole: Arrival[] = list.map(({ vm, bin }) => ({
      vm,
      bin,
      seq: next[Number(vm) as 1 | 2]++,
    }));
    return fc
      .tuple(fc.subarray(whole, { minLength: 1 }), fc.subarray(whole))
      .map(([kept, again]) => [...kept, ...again.filter((one) => kept.includes(one))])
      .chain((all) => fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }));
  });

  it("counts each decision once, whatever arrives when and how often", async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, async (list) => {
        const state = await foldAll(
          list.map(({ seq, vm, bin }) => ({ seq, vm, models: [{ bin }] })),
        );
        const distinct = [...new Map(list.map((one) => [`${one.vm}/${one.seq}`, one])).values()];
        const bins = new Map<number, number>();
        for (const { bin } of distinct) bins.set(bin, (bins.get(bin) ?? 0) + 1);
        expect(listHistograms([state], "b0")[0]?.segments.get("rest")).toEqual(bins);
        expect(state.counters.decisions).toBe(distinct.length);
        expect(state.counters.duplicates).toBe(list.length - distinct.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe("closeCohort", () => {
  it("keeps closed cohorts while the newer ones hold fewer decisions than asked", async () => {
    const events = Array.from({ length: 40 }, (_, cohort) =>
      Array.from({ length: 100 }, (_, at) => ({
        time: 1_000 * cohort,
        event: aDecision({ seq: 100 * cohort + at }),
      })),
    ).flat();
    const { cohorts } = await fold(events);
    // keepScored is 1,000: ten closed cohorts of 100, and the open one.
    expect([...cohorts.keys()]).toEqual(Array.from({ length: 11 }, (_, at) => 29 + at));
  });
});
