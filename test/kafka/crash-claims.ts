// What must hold after a crash run, read off the topics by dull means: everything is read, nothing
// of the service's own reading of it is used.
import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import { LabelSchema } from "../../control/events/label_pb.ts";
import type { EventLog, StoredEvent, Topic } from "../../control/events/log.ts";
import { type HistoryEvent, HistoryEventSchema } from "../../control/history/history_pb.ts";
import { describeTable, type TableNames } from "../../control/table/describe.ts";
import {
  type HandCells,
  type HandSettings,
  joinByHand,
  readLabelled,
} from "../support/join-by-hand.ts";
import { readAll } from "../support/log-conformance.ts";
import { COHORT_MS, WINDOW_MS } from "./crash-stage.ts";

const POLL_MS = 500;
/** A record's table digest while the filter has none. */
const NO_TABLE = "0".repeat(16);

export async function readTopic(log: EventLog, topic: Topic): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (let partition = 0; partition < log.partitions(topic); partition++) {
    all.push(...(await readAll(log, topic, partition)));
  }
  return all;
}

export type Told = {
  /** Tables that were live one day, by digest. */
  tables: Map<string, TableNames>;
  live: string;
  claims: number;
  /** Tables of deciders that others had replaced: nobody may serve them. */
  passedBy: Set<string>;
  faults: string[];
};

type Place = { serial: number; term: number };

/** A table was published by the decider of then, with a serial above all before; else why not. */
function checkTable({ what, term, tableSerial }: HistoryEvent, place: Place): string | null {
  // Any process may stop everything.
  if (what !== "off" && term < place.term) return "passed by";
  if (what !== "off" && term > place.term) return "table of a claim that nobody made";
  return tableSerial > place.serial ? null : `serial ${tableSerial} is not above ${place.serial}`;
}

function tell(told: Told, place: Place, event: HistoryEvent): void {
  const { what, tableSerial, table, tableDigest } = event;
  if (what === "claimed" && tableSerial > place.serial) {
    place.serial = place.term = tableSerial;
    told.claims++;
  }
  if (table.length === 0) return;
  const fault = checkTable(event, place);
  if (fault === "passed by") told.passedBy.add(tableDigest);
  else if (fault) told.faults.push(`table ${tableDigest}: ${fault}`);
  if (fault) return;
  place.serial = tableSerial;
  told.tables.set(tableDigest, describeTable(table));
  told.live = tableDigest;
}

/** The history by one pass: who may publish at each event, and what became live. */
export async function readTold(log: EventLog): Promise<Told> {
  const told: Told = { tables: new Map(), live: "", claims: 0, passedBy: new Set(), faults: [] };
  const place = { serial: 0, term: 0 };
  for (const { value } of await readTopic(log, "limen.tables")) {
    tell(told, place, fromBinary(HistoryEventSchema, value ?? new Uint8Array()));
  }
  for (const digest of told.tables.keys()) told.passedBy.delete(digest);
  return told;
}

export type Recorded = {
  /** Events in limen.decisions by node, copies too. */
  byNode: Map<string, number>;
  /** Distinct records, and how many more their numbers say there were. */
  records: number;
  missing: number;
  faults: string[];
};

/** Every decision was made by a table of the history, or by none. */
export async function readRecorded(log: EventLog, told: Told): Promise<Recorded> {
  const byNode = new Map<string, number>();
  const records = new Map<string, Set<number>>();
  const unknown = new Map<string, number>();
  for (const { value } of await readTopic(log, "limen.decisions")) {
    if (value === null) continue;
    const { node, record } = fromBinary(DecisionSchema, value);
    byNode.set(node, (byNode.get(node) ?? 0) + 1);
    const bytes = Buffer.from(record);
    const vm = `${node} ${bytes.readBigUInt64LE(8)}`;
    records.set(vm, (records.get(vm) ?? new Set()).add(bytes.readUInt32LE(4)));
    const digest = bytes.toString("hex", 24, 32);
    if (digest === NO_TABLE || told.tables.has(digest)) continue;
    unknown.set(digest, (unknown.get(digest) ?? 0) + 1);
  }
  const faults = [...unknown].map(
    ([digest, count]) =>
      `${count} decisions by table ${digest}, ${told.passedBy.has(digest) ? "of a former decider" : "unknown"}`,
  );
  const counts = { records: 0, missing: 0 };
  for (const seqs of records.values()) {
    counts.records += seqs.size;
    counts.missing += Math.max(...seqs) - Math.min(...seqs) + 1 - seqs.size;
  }
  return { byNode, ...counts, faults };
}

/** Labels that were acknowledged, by their `at`, and are not in the topic. */
export async function findLostLabels(log: EventLog, ats: readonly number[]): Promise<number[]> {
  const stored = new Set<number>();
  for (const { value } of await readTopic(log, "limen.labels")) {
    const { kind, at } = fromBinary(LabelSchema, value ?? new Uint8Array());
    if (kind === 0) stored.add(Number(at));
  }
  return ats.filter((at) => !stored.has(at));
}

const sum = (cells: HandCells): number => [...cells.values()].reduce((all, n) => all + n, 0);

export type Compared = { faults: string[]; cells: number; decisions: number };

/** The integers of limen.counts against the dull join of all that lies in the topics. */
export async function compareCounts(log: EventLog, settings: HandSettings): Promise<Compared> {
  const wanted = await joinByHand(log, settings, Number.POSITIVE_INFINITY);
  const counted = await readLabelled(log);
  const keys = new Set([...wanted.keys(), ...counted.keys()]);
  const wrong = [...keys].filter((key) => wanted.get(key) !== counted.get(key));
  const faults = wrong.slice(0, 5).map((key) => {
    return `cell ${key}: ${counted.get(key) ?? "none"}, by hand ${wanted.get(key) ?? "none"}`;
  });
  if (wrong.length > 5) faults.push(`and ${wrong.length - 5} cells more`);
  return { faults, cells: keys.size, decisions: sum(wanted) };
}

const FOLDED_MS = 40_000;

/** Asks until the integers are those of the dull join: then everything is folded and closed. */
export async function waitForCounts(log: EventLog): Promise<Compared> {
  const until = performance.now() + FOLDED_MS;
  for (;;) {
    const { tables } = await readTold(log);
    const compared = await compareCounts(log, {
      windowMs: WINDOW_MS,
      cohortMs: COHORT_MS,
      affected: { desk: true },
      readsHeader: true,
      namesOf: (digest) => tables.get(digest),
    });
    if (compared.faults.length === 0 || performance.now() > until) return compared;
    await sleep(POLL_MS);
  }
}
