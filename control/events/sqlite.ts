import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { LimenError } from "../errors.ts";
import type { EventLog, NewEvent, StoredEvent, Topic } from "./log.ts";
import { TOPICS, VALUE_BYTES_MAX } from "./log.ts";
import { choosePartition } from "./partition.ts";
import { explain, openFile, usedBytes } from "./sqlite-file.ts";

export type SqliteOptions = {
  /** Fixed when the file is made; 1 unless said. */
  partitions?: number;
  /** Events of decisions, labels, counts and rejected older than this go; none unless said. */
  keepMs?: number;
  /** At this size decisions, labels and rejected are refused; history and commands are not. */
  maxBytes?: number;
  /** Milliseconds since 1970. */
  now?: () => number;
};

const PARTITIONS_MAX = 1024;
const OFFSETS_MAX = 2n ** 48n;
/** How often expired events are looked for, and how many go at once: the caller waits for it. */
const EXPIRE_INTERVAL_MS = 1_000;
const EXPIRE_BATCH = 5_000;

const RECORDED: readonly Topic[] = ["limen.decisions", "limen.labels", "limen.rejected"];
const EXPIRING: readonly Topic[] = [...RECORDED, "limen.counts"];
const COMPACTED: readonly Topic[] = ["limen.counts"];

type Row = Record<string, SQLOutputValue>;
type End = { next: bigint; time: number };
type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;
type Store = {
  database: DatabaseSync;
  file: string;
  partitions: number;
  keepMs: number;
  maxBytes: number;
  now: () => number;
  statements: Statements;
  /** By shelf: topic number * 1024 + partition. */
  ends: Map<number, End>;
  /** Of the newest event of all. */
  lastTime: number;
  nextExpiry: number;
};

const SQL = {
  insert: "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
  end: "INSERT INTO ends VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next, time = excluded.time",
  former: "SELECT position FROM compacted WHERE shelf = ? AND key = ?",
  latest:
    "INSERT INTO compacted VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
  remove: "DELETE FROM events WHERE position = ?",
  read: "SELECT * FROM events WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
  oldest:
    "SELECT position, key, time FROM events WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
  forget: "DELETE FROM compacted WHERE shelf = ? AND key = ? AND position = ?",
} as const;

const shelfOf = (topic: Topic, partition: number): number =>
  TOPICS.indexOf(topic) * PARTITIONS_MAX + partition;
const positionOf = (shelf: number, offset: bigint): bigint => BigInt(shelf) * OFFSETS_MAX + offset;

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return [name, statement];
  });
  return Object.fromEntries(entries) as Statements;
}

function readEnds(database: DatabaseSync): Map<number, End> {
  const rows = database.prepare("SELECT * FROM ends");
  rows.setReadBigInts(true);
  return new Map(
    rows
      .all()
      .map((row) => [
        Number(row["shelf"]),
        { next: row["next"] as bigint, time: Number(row["time"]) },
      ]),
  );
}

function checkBatch(store: Store, batch: readonly NewEvent[]): void {
  for (const { topic, value, partition = 0 } of batch) {
    if (!(partition >= 0 && partition < store.partitions)) {
      throw new LimenError(
        "input",
        `event log: no partition ${partition}, there are ${store.partitions}`,
      );
    }
    if (!TOPICS.includes(topic)) {
      throw new LimenError("input", `event log: no topic ${topic}; one of ${TOPICS.join(", ")}`);
    }
    if ((value?.length ?? 0) > VALUE_BYTES_MAX) {
      throw new LimenError(
        "input",
        `event log: a value of ${value?.length} bytes for ${topic}; at most ${VALUE_BYTES_MAX}`,
      );
    }
  }
  if (!batch.some(({ topic }) => RECORDED.includes(topic))) return;
  if (store.maxBytes === Infinity || usedBytes(store.database) < store.maxBytes) return;
  throw new LimenError(
    "unavailable",
    `event log ${store.file}: full at ${store.maxBytes} bytes; recording stops until events expire: keep them shorter or allow more`,
  );
}

function insert(store: Store, event: NewEvent, time: number, ends: Map<number, End>): void {
  const { statements } = store;
  const { topic, key, value, headers = {} } = event;
  const partition = event.partition ?? choosePartition(key, store.partitions);
  const shelf = shelfOf(topic, partition);
  const end = ends.get(shelf) ?? store.ends.get(shelf) ?? { next: 0n, time: 0 };
  const position = positionOf(shelf, end.next);
  const text = Object.keys(headers).length > 0 ? JSON.stringify(headers) : null;
  statements.insert.run(position, time, key, value, text);
  ends.set(shelf, { next: end.next + 1n, time });
  if (key === null || !COMPACTED.includes(topic)) return;
  const former = statements.former.get(shelf, key);
  if (former) statements.remove.run(former["position"] as bigint);
  statements.latest.run(shelf, key, position);
}

/** Runs the steps as one transaction: all of them are there after a kill, or none. */
function transact(store: Store, steps: () => void): void {
  try {
    store.database.exec("BEGIN IMMEDIATE");
    steps();
    store.database.exec("COMMIT");
  } catch (thrown) {
    if (store.database.isTransaction) store.database.exec("ROLLBACK");
    throw explain(thrown, store.file);
  }
}

/** Times of a shelf never go back, so the first event that stays ends the search. */
function listExpired(store: Store, shelf: number, before: number): Row[] {
  const [from, to] = [positionOf(shelf, 0n), positionOf(shelf + 1, 0n)];
  const expired: Row[] = [];
  for (const row of store.statements.oldest.iterate(from, to, EXPIRE_BATCH)) {
    if (Number(row["time"]) >= before) break;
    expired.push(row);
  }
  return expired;
}

function expireShelf(store: Store, shelf: number, before: number): number {
  const rows = listExpired(store, shelf, before);
  for (const row of rows) {
    const position = row["position"] as bigint;
    store.statements.remove.run(position);
    if (row["key"] === null) continue;
    store.statements.forget.run(shelf, row["key"] as Uint8Array, position);
  }
  return rows.length;
}

/** Removes what is older than `keepMs`, a bounded number at a time. */
function expire(store: Store): void {
  const now = store.now();
  if (now < store.nextExpiry || !Number.isFinite(store.keepMs)) return;
  let more = false;
  transact(store, () => {
    for (const topic of EXPIRING) {
      for (let partition = 0; partition < store.partitions; partition++) {
        const gone = expireShelf(store, shelfOf(topic, partition), now - store.keepMs);
        more ||= gone === EXPIRE_BATCH;
      }
    }
  });
  store.nextExpiry = more ? now : now + EXPIRE_INTERVAL_MS;
}

function append(store: Store, batch: readonly NewEvent[]): void {
  if (batch.length === 0) return;
  expire(store);
  checkBatch(store, batch);
  const ends = new Map<number, End>();
  const time = Math.max(store.now(), store.lastTime);
  transact(store, () => {
    for (const event of batch) insert(store, event, time, ends);
    for (const [shelf, { next, time }] of ends) store.statements.end.run(shelf, next, time);
  });
  for (const [shelf, end] of ends) store.ends.set(shelf, end);
  store.lastTime = time;
}

function read(store: Store, shelf: number, from: bigint, max: number): StoredEvent[] {
  const first = positionOf(shelf, from);
  const rows = store.statements.read.all(first, positionOf(shelf + 1, 0n), max);
  return rows.map((row) => ({
    partition: shelf % PARTITIONS_MAX,
    offset: (row["position"] as bigint) % OFFSETS_MAX,
    time: Number(row["time"]),
    key: row["key"] as Uint8Array | null,
    value: row["value"] as Uint8Array | null,
    headers: row["headers"] === null ? {} : JSON.parse(row["headers"] as string),
  }));
}

/** Runs a step on an open store, with errors that say what to do. */
async function attempt<T>(store: Store, step: () => T): Promise<T> {
  if (!store.database.isOpen) {
    throw new LimenError("unavailable", `event log ${store.file}: closed; open it again`);
  }
  try {
    return step();
  } catch (thrown) {
    throw explain(thrown, store.file);
  }
}

/** The event log in one SQLite file, written by one process at a time. */
export function openSqliteLog(file: string, options: SqliteOptions = {}): EventLog {
  const { partitions = 1, keepMs = Infinity, maxBytes = Infinity, now = Date.now } = options;
  if (!(Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX)) {
    throw new LimenError("input", `event log: ${partitions} partitions; 1 to ${PARTITIONS_MAX}`);
  }
  const database = openFile(file, partitions);
  try {
    const statements = prepare(database);
    const ends = readEnds(database);
    const lastTime = Math.max(0, ...[...ends.values()].map(({ time }) => time));
    const limits = { partitions, keepMs, maxBytes, now, lastTime, nextExpiry: 0 };
    return logOf({ database, file, statements, ends, ...limits });
  } catch (thrown) {
    database.close();
    throw explain(thrown, file);
  }
}

function logOf(store: Store): EventLog {
  return {
    append: (batch) => attempt(store, () => append(store, batch)),
    read: (topic, partition, from, max) =>
      attempt(store, () => read(store, shelfOf(topic, partition), from, max)),
    end: (topic, partition) =>
      attempt(store, () => store.ends.get(shelfOf(topic, partition))?.next ?? 0n),
    partitions: () => store.partitions,
    hasOneClock: true,
    close: async () => {
      if (store.database.isOpen) store.database.close();
    },
  };
}
