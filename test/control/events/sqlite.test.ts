import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type EventLog,
  type NewEvent,
  type Topic,
  VALUE_BYTES_MAX,
} from "../../../control/events/log.ts";
import { openSqliteLog, type SqliteOptions } from "../../../control/events/sqlite.ts";
import { describeConformance, readAll } from "../../support/log-conformance.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

const CHILD = join(import.meta.dirname, "../../support/log-child.ts");

let folder: string;
let file: string;
let logs: EventLog[];
const open = (options?: SqliteOptions): EventLog => {
  const log = openSqliteLog(file, options);
  logs.push(log);
  return log;
};
const event = (topic: Topic = "limen.decisions", size = 10): NewEvent => ({
  topic,
  key: null,
  value: new Uint8Array(size),
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-log-"));
  file = join(folder, "limen.db");
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
  rmSync(folder, { recursive: true });
});

describeConformance("the log in memory", async (options) => ({
  log: createMemoryLog(options),
  remove: async () => undefined,
}));

describeConformance("openSqliteLog", async (options) => {
  const log = open(options);
  const reopen = async (): Promise<EventLog> => {
    await log.close();
    return open(options);
  };
  return { log, reopen, remove: async () => undefined };
});

/** Runs the child until it told of `acks` batches and `more` ms, then kills it; the batches told. */
async function appendAndKill(run: number, acks: number, moreMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, file, `${run}`]);
  let told = "";
  const gone = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    child.once("close", () => reject(new Error("the child ended by itself")));
    child.stdout.on("data", (chunk) => {
      told += chunk;
      if (told.split("\n").length > acks) resolve();
    });
  });
  await sleep(moreMs);
  child.kill("SIGKILL");
  await gone;
  // The last piece is a line the kill may have cut.
  return told.split("\n").slice(0, -1);
}

describe("openSqliteLog, killed", () => {
  it("has every batch whose append returned, and none by half, after 10 kill -9", async () => {
    const told: string[] = [];
    for (let run = 0; run < 10; run++) {
      told.push(...(await appendAndKill(run, 1 + 7 * run, Math.random() * 20)));
    }
    const stored = await readAll(open(), "limen.decisions");
    const parts = new Map<string, number>();
    for (const { value } of stored) {
      const batch = Buffer.from(value ?? [])
        .toString()
        .replace(/\/\d$/, "");
      parts.set(batch, (parts.get(batch) ?? 0) + 1);
    }
    expect(told.filter((batch) => parts.get(batch) !== 5)).toEqual([]);
    expect([...parts].filter(([, count]) => count !== 5)).toEqual([]);
    expect(stored.map(({ offset }) => offset)).toEqual(stored.map((_, at) => BigInt(at)));
  }, 60_000);
});

describe("openSqliteLog, files it refuses", () => {
  it("names another process when the file is open for writing already", () => {
    open();
    const { stderr } = spawnSync(process.execPath, [CHILD, file], { encoding: "utf8" });
    expect(stderr).toMatch(/another process has it open/);
  });

  it("opens a file again after its writer closed it", async () => {
    await open().close();
    expect(() => open()).not.toThrow();
  });

  it("refuses a file that is no database", () => {
    writeFileSync(file, "not a database, but long enough to look at".repeat(100));
    expect(() => openSqliteLog(file)).toThrow(/damaged, or not an event log/);
  });

  it("refuses a database of another program", () => {
    const other = new DatabaseSync(file);
    other.exec("CREATE TABLE t (x)");
    other.close();
    expect(() => openSqliteLog(file)).toThrow(/database of another program/);
  });

  it("refuses a format it does not know", async () => {
    await open().close();
    const raw = new DatabaseSync(file);
    raw.exec("PRAGMA user_version = 2");
    raw.close();
    expect(() => openSqliteLog(file)).toThrow(/format 2 is not 1/);
  });

  it("says that the file is damaged when a page in the middle is", async () => {
    const log = open();
    await log.append(Array.from({ length: 200 }, () => event("limen.decisions", 1000)));
    await log.close();
    const raw = new DatabaseSync(file);
    raw.exec("PRAGMA journal_mode = DELETE");
    raw.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4096 * 8, 4096 * 40);
    writeFileSync(file, bytes);
    const damaged = open();
    await expect(readAll(damaged, "limen.decisions")).rejects.toThrow(/damaged/);
  });

  it("refuses another number of partitions than the file was made with", async () => {
    await open({ partitions: 2 }).close();
    expect(() => openSqliteLog(file, { partitions: 3 })).toThrow(/made with 2 partitions/);
  });

  it.each([0, 1025, 1.5])("refuses %s partitions", (partitions) => {
    expect(() => openSqliteLog(file, { partitions })).toThrow(/1 to 1024/);
  });

  it("refuses a folder that is not there", () => {
    expect(() => openSqliteLog(join(folder, "none", "limen.db"))).toThrow(
      /cannot be made or written \(unable to open.*\); its folder must exist.*by log in limen\.yaml/,
    );
  });

  it("refuses work after close", async () => {
    const log = open();
    await log.close();
    await expect(log.append([event()])).rejects.toThrow(/closed/);
  });
});

describe("openSqliteLog, caps", () => {
  it("takes a value of the largest size, and refuses one byte more with all its batch", async () => {
    const log = open();
    await log.append([event("limen.tables", VALUE_BYTES_MAX)]);
    const batch = [event(), event("limen.tables", VALUE_BYTES_MAX + 1)];
    await expect(log.append(batch)).rejects.toThrow(/at most 4194304/);
    expect(await log.end("limen.decisions", 0)).toBe(0n);
  });

  it("refuses decisions at the size cap and still takes commands", async () => {
    const log = open({ maxBytes: 200_000 });
    const fill = async (): Promise<void> => {
      for (let at = 0; at < 100; at++) await log.append([event("limen.decisions", 10_000)]);
    };
    await expect(fill()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/full at 200000 bytes/),
    });
    await log.append([event("limen.commands")]);
    expect(await log.end("limen.commands", 0)).toBe(1n);
  });

  it("records again once events at the cap have expired", async () => {
    let now = 1_000_000;
    const log = open({ maxBytes: 200_000, keepMs: 60_000, now: () => now });
    const fill = async (): Promise<void> => {
      for (let at = 0; at < 100; at++) await log.append([event("limen.decisions", 10_000)]);
    };
    await expect(fill()).rejects.toThrow(/full/);
    now += 61_000;
    await log.append([event()]);
    expect((await readAll(log, "limen.decisions")).length).toBe(1);
  });

  it("keeps events of exactly the age, and no older ones", async () => {
    let now = 1_000_000;
    const log = open({ keepMs: 5_000, now: () => now });
    await log.append([event()]);
    now += 1;
    await log.append([event()]);
    now += 5_000;
    await log.append([event()]);
    const times = (await readAll(log, "limen.decisions")).map(({ time }) => time);
    expect(times).toEqual([1_000_001, 1_005_001]);
  });

  it("goes on counting offsets when everything has expired and the file is opened again", async () => {
    let now = 1_000_000;
    const log = open({ keepMs: 1_000, now: () => now });
    await log.append([event(), event()]);
    now += 10_000;
    await log.append([event("limen.labels")]);
    await log.close();
    const again = open({ keepMs: 1_000, now: () => now });
    expect(await again.end("limen.decisions", 0)).toBe(2n);
  });

  it("never expires tables and commands", async () => {
    let now = 1_000_000;
    const log = open({ keepMs: 1_000, now: () => now });
    await log.append([event("limen.tables"), event("limen.commands")]);
    now += 1_000_000;
    await log.append([event()]);
    const left = [await readAll(log, "limen.tables"), await readAll(log, "limen.commands")];
    expect(left.map(({ length }) => length)).toEqual([1, 1]);
  });
});
