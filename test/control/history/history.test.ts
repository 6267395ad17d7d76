import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeEvent,
  encodeEvent,
  type HistoryEvent,
  type NewHistoryEvent,
} from "../../../control/history/event.ts";
import { openHistory } from "../../../control/history/history.ts";
import { NOTHING_LIVE, REFUSED_MAX, replayHistory } from "../../../control/history/replay.ts";
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

/** An event as it comes back from the log. */
const reread = (one: NewHistoryEvent) => decoded([one])[0] as HistoryEvent;

describe("openHistory", () => {
  it("has the pushed table live, and again after a restart", async () => {
    const log = createMemoryLog();
    const history = await openHistory(log);
    await history.append([tableEvent("pushed", 1, 77)]);
    const again = await openHistory(log);
    expect(again.live()).toEqual(history.live());
    expect(describeTable(again.live().table?.bytes ?? new Uint8Array()).digest).toBe(
      describeTable(encode(1, 77)).digest,
    );
    expect(again.live().table?.learnedCuts).toEqual({ "bot/rest/bot": 77 });
  });

  it("refuses a serial that does not grow, and writes nothing of the batch", async () => {
    const log = createMemoryLog();
    const history = await openHistory(log);
    await history.append([tableEvent("pushed", 5)]);
    const batch = [event("proposed"), tableEvent("pushed", 5)];
    await expect(history.append(batch)).rejects.toThrow(/serial 5 is not above 5/);
    expect(await log.end("limen.tables", 0)).toBe(1n);
  });

  it("refuses a push while off, and says since when and by whom", async () => {
    const history = await openHistory(createMemoryLog());
    await history.append([event("off", { by: "ada" })]);
    await expect(history.append([tableEvent("pushed", 1)])).rejects.toThrow(/off since .* by ada/);
  });

  it("refuses a pushed event without its table", async () => {
    const history = await openHistory(createMemoryLog());
    await expect(history.append([event("pushed")])).rejects.toThrow(/without its table/);
  });

  it("refuses a table without its digest", async () => {
    const history = await openHistory(createMemoryLog());
    const bad = { ...tableEvent("pushed", 1), tableDigest: "short" };
    await expect(history.append([bad])).rejects.toThrow(/16 hex digits/);
  });

  it("refuses a table in an event that makes none live", async () => {
    const history = await openHistory(createMemoryLog());
    const bad = { ...tableEvent("pushed", 1), what: "acked" as const };
    await expect(history.append([bad])).rejects.toThrow(/acked carries a table/);
  });

  it("goes on after a refused event", async () => {
    const history = await openHistory(createMemoryLog());
    await history.append([event("pushed")]).catch(() => {});
    expect((await history.append([tableEvent("pushed", 1)])).serial).toBe(1);
  });

  it("reads back who, when, why and the reasons, with a number each", async () => {
    const history = await openHistory(createMemoryLog({ now: () => 42 }));
    await history.append([event("proposed"), event("refused", { reasons: ["a", "b"] })]);
    const [entry] = await history.read(1, 10);
    expect(entry).toMatchObject({ n: 1, time: 42 });
    expect(entry?.event).toMatchObject({ what: "refused", by: "learner", reasons: ["a", "b"] });
  });

  it("reads on where the log gives fewer events than it was asked for", async () => {
    const log = createMemoryLog();
    const stingy: typeof log = {
      ...log,
      read: (topic, partition, from, max) => log.read(topic, partition, from, Math.min(max, 2)),
    };
    const history = await openHistory(stingy);
    for (let n = 0; n < 7; n++) await history.append([event("proposed")]);
    expect((await history.read(1, 5)).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
    expect((await history.read(1, 10)).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("replays a log longer than a page", async () => {
    const log = createMemoryLog();
    const history = await openHistory(log);
    for (let n = 0; n < 1201; n += 1) await history.append([event("proposed")]);
    await history.append([tableEvent("pushed", 9)]);
    expect((await openHistory(log)).live().serial).toBe(9);
  });
});

describe("junk in limen.tables", () => {
  it("is passed by and told, and what comes after it counts", async () => {
    const log = createMemoryLog();
    const junk = { topic: "limen.tables" as const, key: null, value: Buffer.from("{}") };
    await log.append([junk]);
    const told: bigint[] = [];
    const history = await openHistory(log, undefined, (offset) => told.push(offset));
    await history.append([tableEvent("pushed", 1)]);
    expect({ told, serial: history.live().serial }).toEqual({ told: [0n], serial: 1 });
    expect((await history.read(0, 10)).map(({ n }) => n)).toEqual([1]);
  });
});

describe("off", () => {
  it("is kept over a restart until on, with who said so first", async () => {
    const log = createMemoryLog();
    const history = await openHistory(log);
    await history.append([tableEvent("pushed", 1), event("off", { by: "ada", why: "incident" })]);
    await history.append([event("off", { by: "bob" })]);
    expect((await openHistory(log)).live().off).toEqual({ by: "ada", why: "incident", at: 1000 });
    await history.append([event("on")]);
    expect((await openHistory(log)).live().off).toBeNull();
  });

  it("may bring a base table, and remembers the acting one to go back to", async () => {
    const history = await openHistory(createMemoryLog());
    await history.append([tableEvent("pushed", 1, 77), tableEvent("off", 2, 4096)]);
    expect(history.live().table?.serial).toBe(2);
    expect(history.live().acting?.learnedCuts).toEqual({ "bot/rest/bot": 77 });
  });
});

describe("replayHistory", () => {
  const anyEvents = fc
    .array(
      fc.tuple(
        fc.constantFrom("pushed", "off", "on", "applied", "acked", "nacked"),
        fc.integer({ min: 1, max: 30 }),
      ),
      { maxLength: 40 },
    )
    .map((moves) =>
      moves.map(([what, n]): NewHistoryEvent => {
        if (what === "pushed" || what === "off" || what === "on") return tableEvent(what, n, n);
        if (what === "applied") return event(what, { applied: { [`k${n % 3}`]: `${n}` } });
        return event(what as "acked", { node: `n${n}`, resource: "limen", resourceDigest: "d" });
      }),
    );

  it("comes to the same state whether or not it stopped on the way", () => {
    fc.assert(
      fc.property(anyEvents, fc.nat(40), (events, cut) => {
        const all = decoded(events);
        const part = replayHistory(all.slice(0, cut));
        expect(replayHistory(all.slice(cut), part)).toEqual(replayHistory(all));
      }),
      { numRuns: 50 },
    );
  });

  it("changes nothing when a batch comes twice", () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const all = decoded(events);
        const once = replayHistory(all);
        const twice = replayHistory(all.flatMap((one) => [one, one]));
        expect(twice).toEqual(once);
      }),
      { numRuns: 50 },
    );
  });

  it("has the table of the highest serial live, by its own bytes", () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const { table } = replayHistory(decoded(events));
        const serials = events.flatMap(({ tableSerial }) => tableSerial ?? []);
        expect(table?.serial ?? 0).toBe(Math.max(0, ...serials));
        if (table) expect(describeTable(table.bytes)).toMatchObject({ digest: table.digest });
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the newest of each setting applied", () => {
    const events = [event("applied", { applied: { a: "1", b: "1" } }), event("applied")];
    const last = event("applied", { applied: { a: "2" } });
    expect(replayHistory(decoded([...events, last])).applied).toEqual({ a: "2", b: "1" });
  });

  it("remembers an alarm until on", () => {
    const events = (more: NewHistoryEvent[]) =>
      [event("alarm", { why: "tagged share" }), ...more].map((one) => reread(one));
    expect(replayHistory(events([])).alarm).toEqual({ at: 1000, why: "tagged share" });
    expect(replayHistory(events([tableEvent("on", 1)])).alarm).toBeNull();
  });

  it("keeps the newest beginning of each epoch", () => {
    const events = [
      event("epoch", { epochs: { "bot/bot/fpr:0.01": "first", "bot/x/fpr:0.01": "other" } }),
      event("alarm", { epochs: { "bot/bot/fpr:0.01": "second" } }),
    ].map(reread);
    expect(replayHistory(events).epochs).toEqual({
      "bot/bot/fpr:0.01": "second",
      "bot/x/fpr:0.01": "other",
    });
  });

  it("passes by an event of a later version", () => {
    const later = event("promoted" as "pushed", { tableSerial: 9 });
    expect(replayHistory(decoded([later]))).toEqual(NOTHING_LIVE);
  });

  it("lists what nodes refused once each, and at most the newest 10,000", () => {
    const nack = (n: number) =>
      event("nacked", { node: `n${n}`, resource: "limen", resourceDigest: "d" });
    expect(replayHistory(decoded([nack(1), nack(1)])).refused).toHaveLength(1);
    const full = Array.from({ length: REFUSED_MAX }, (_, n) => ({
      node: `n${n}`,
      resource: "limen",
      digest: "d",
    }));
    const live = replayHistory(decoded([nack(REFUSED_MAX)]), { ...NOTHING_LIVE, refused: full });
    expect(live.refused).toHaveLength(REFUSED_MAX);
    expect(live.refused[0]?.node).toBe("n1");
  });
});

describe("decodeEvent", () => {
  it.each([
    ["bytes that do not parse", Buffer.from([0xff])],
    ["nothing", new Uint8Array()],
    ["a message without a format", Buffer.from([0x22, 0x01, 0x61])],
  ])("gives null for %s", (_, bytes) => {
    expect(decodeEvent(bytes)).toBeNull();
  });

  it("refuses another format and says which version to run", () => {
    expect(() => decodeEvent(Buffer.from([0x08, 0x02]))).toThrow(/format 2, this version reads 1/);
  });
});
