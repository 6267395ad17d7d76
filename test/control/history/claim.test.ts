import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEvent, encodeEvent, type NewHistoryEvent } from "../../../control/history/event.ts";
import { openHistory } from "../../../control/history/history.ts";
import { replayHistory } from "../../../control/history/replay.ts";
import { describeTable } from "../../../control/table/describe.ts";
import { encodeTable } from "../../../control/table/encode.ts";
import { aModel, aTable } from "../../support/builders.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

const encode = (serial: number, cut: number): Uint8Array =>
  encodeTable(aTable({ serial, models: [aModel({ cuts: [[cut]] })] }));

function event(what: NewHistoryEvent["what"], more: Partial<NewHistoryEvent> = {}) {
  return { what, at: 1000, by: "learner", why: "alert", ...more };
}

function tableEvent(what: "pushed" | "off" | "on", serial: number, cut = 2048): NewHistoryEvent {
  const table = encode(serial, cut);
  const tableDigest = describeTable(table).digest;
  const learnedCuts = { "bot/rest/bot": cut };
  return event(what, { table, tableSerial: serial, tableDigest, learnedCuts });
}

const decoded = (events: readonly NewHistoryEvent[]) =>
  events.flatMap((one) => decodeEvent(encodeEvent(one)) ?? []);

/** Three processes that write by what they last saw; `expected` is worked out by a dull rule. */
function openRace() {
  const log: NewHistoryEvent[] = [];
  const expected: number[] = [];
  const views = [0, 1, 2].map(() => ({ serial: 0, term: 0 }));
  const viewOf = (who: number) => views[who] ?? { serial: 0, term: 0 };
  let owner: number | null = null;
  let highest = 0;
  return {
    log,
    expected,
    look(who: number) {
      viewOf(who).serial = highest;
    },
    claim(who: number) {
      const view = viewOf(who);
      const tableSerial = ++view.serial;
      log.push(event("claimed", { by: `${who}`, tableSerial }));
      if (tableSerial <= highest) return;
      [owner, highest, view.term] = [who, tableSerial, tableSerial];
    },
    push(who: number) {
      const view = viewOf(who);
      log.push({ ...tableEvent("pushed", ++view.serial), term: view.term });
      if ((owner !== null && who !== owner) || view.serial <= highest) return;
      highest = view.serial;
      expected.push(highest);
    },
  };
}

describe("claim", () => {
  async function openTwo() {
    const log = createMemoryLog();
    const [one, two] = [await openHistory(log), await openHistory(log)];
    await one.claim("one");
    return { log, one, two };
  }

  it("takes a serial above all before, and the next table has a higher one", async () => {
    const log = createMemoryLog();
    const history = await openHistory(log);
    await history.append([tableEvent("pushed", 3)]);
    await history.claim("one");
    expect(history.live()).toMatchObject({ serial: 4, term: 4, decider: "one" });
    await expect(history.append([tableEvent("pushed", 4)])).rejects.toThrow(/not above 4/);
  });

  it("refuses what the earlier decider publishes after another one claimed", async () => {
    const { one, two } = await openTwo();
    await two.claim("two");
    await expect(one.append([tableEvent("pushed", 9)])).rejects.toThrow(/two decides/);
    expect(one.isDecider()).toBe(false);
  });

  it("passes by what the earlier decider writes before it has read of the claim", async () => {
    const { log, one, two } = await openTwo();
    const late = encodeEvent({ ...tableEvent("pushed", 99), term: one.live().term });
    await two.claim("two");
    await log.append([{ topic: "limen.tables", key: null, value: late }]);
    expect(await two.refresh()).toMatchObject({ decider: "two", serial: 2, table: null });
  });

  it("takes tables of the newest claim only, whatever processes that lag behind write", () => {
    const moves = fc.array(
      fc.record({ who: fc.nat(2), what: fc.constantFrom("claim", "push", "look") }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(moves, (all) => {
        const race = openRace();
        for (const { who, what } of all) race[what as "claim" | "push" | "look"](who);
        const tables = decoded(race.log).map(
          (_, at) => replayHistory(decoded(race.log.slice(0, at + 1))).table,
        );
        const taken = new Set(tables.flatMap((table) => table?.serial ?? []));
        expect([...taken]).toEqual(race.expected);
      }),
      { numRuns: 100 },
    );
  });

  it("has one winner when two claim the same serial", async () => {
    const log = createMemoryLog();
    const names = ["a", "b", "c"];
    const histories = await Promise.all(names.map(() => openHistory(log)));
    const claims = await Promise.allSettled(
      histories.map((history, index) => history.claim(names[index] ?? "")),
    );
    expect(claims.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(histories.filter((history) => history.isDecider())).toHaveLength(1);
  });

  it("lets a process that does not decide turn off, and note what proxies answered", async () => {
    const { one, two } = await openTwo();
    await two.append([tableEvent("off", 5)]);
    await two.note([event("nacked", { node: "n", resource: "limen", resourceDigest: "d" })]);
    expect(await one.refresh()).toMatchObject({ off: { by: "learner" }, table: { serial: 5 } });
    expect(one.live().refused).toHaveLength(1);
  });

  it("refuses a setting of a process that never claimed where another one did", async () => {
    const { two } = await openTwo();
    await expect(two.append([event("applied", { applied: { a: "1" } })])).rejects.toThrow(
      /one decides since serial 1/,
    );
  });
});
