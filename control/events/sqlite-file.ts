import { DatabaseSync } from "node:sqlite";
import { LimenError } from "../errors.ts";

/** "LIMN" in the file's header tells an event log from any other SQLite file. */
const APPLICATION_ID = 0x4c494d4e;
const FORMAT = 1;

const BUSY = 5;
const READ_ONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/*
 * events: one row an event.
 *   position = (topic number * 1024 + partition) * 2^48 + offset; the row id, so that reading from
 *   an offset is one range of the tree.
 * ends: where a partition goes on, kept apart from the events because these expire.
 */
const SCHEMA = `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY, time INTEGER NOT NULL, key BLOB, value BLOB, headers TEXT
  ) STRICT;
  CREATE TABLE ends (
    shelf INTEGER PRIMARY KEY, next INTEGER NOT NULL, time INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE compacted (
    shelf INTEGER NOT NULL, key BLOB NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (shelf, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** What SQLite threw, as an error that says what to do. */
export function explain(thrown: unknown, file: string): LimenError {
  if (thrown instanceof LimenError) return thrown;
  const { errcode = 0, message } = thrown as { errcode?: number; message: string };
  // The low byte is the class, the rest the case.
  const code = errcode & 0xff;
  if (code === BUSY) {
    return new LimenError(
      "unavailable",
      `event log ${file}: another process has it open; stop that one or name another file`,
      thrown,
    );
  }
  if (code === CORRUPT || code === NOT_A_DATABASE) {
    return new LimenError(
      "input",
      `event log ${file}: damaged, or not an event log (${message}); move it away and start again`,
      thrown,
    );
  }
  if (code === FULL) {
    return new LimenError(
      "unavailable",
      `event log ${file}: the disk is full; free some space, recording goes on by itself`,
      thrown,
    );
  }
  if (code === CANNOT_OPEN || code === READ_ONLY) {
    return new LimenError(
      "input",
      `event log ${file}: cannot be made or written (${message}); its folder must exist and this user may write there, or name another file by log in limen.yaml`,
      thrown,
    );
  }
  return new LimenError("unavailable", `event log ${file}: ${message}`, thrown);
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function checkFormat(database: DatabaseSync, file: string): void {
  const application = pragma(database, "application_id");
  const format = pragma(database, "user_version");
  const objects = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get();
  if (application === 0 && objects?.["count"] === 0) {
    database.exec(`BEGIN; ${SCHEMA}
      PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; COMMIT`);
    return;
  }
  if (application !== APPLICATION_ID) {
    throw new LimenError(
      "input",
      `event log ${file}: a database of another program; name another file`,
    );
  }
  if (format !== FORMAT) {
    throw new LimenError(
      "input",
      `event log ${file}: format ${format} is not ${FORMAT}; use the version of limen that wrote it`,
    );
  }
}

/** The number of partitions is fixed when the file is made: keys would move otherwise. */
function checkPartitions(database: DatabaseSync, file: string, partitions: number): void {
  database
    .prepare("INSERT INTO settings VALUES ('partitions', ?) ON CONFLICT DO NOTHING")
    .run(partitions);
  const found = database.prepare("SELECT value FROM settings WHERE name = 'partitions'").get();
  if (found?.["value"] === partitions) return;
  throw new LimenError(
    "input",
    `event log ${file}: made with ${found?.["value"]} partitions, not ${partitions}; keep the number`,
  );
}

/**
 * Opens the file for this process alone, making it if need be. Each commit is flushed to the disk,
 * so it outlives the process and the power; the lock goes with the process.
 */
export function openFile(file: string, partitions: number): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
    checkFormat(database, file);
    checkPartitions(database, file, partitions);
    return database;
  } catch (thrown) {
    database?.close();
    throw explain(thrown, file);
  }
}

/** Bytes of the pages that hold something. */
export function usedBytes(database: DatabaseSync): number {
  const pages = pragma(database, "page_count") - pragma(database, "freelist_count");
  return pages * pragma(database, "page_size");
}
