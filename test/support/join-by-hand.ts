// The dull join of a log: every pair of decision and label is looked at, nothing is kept in order
// to be quick.
import { fromBinary } from "@bufbuild/protobuf";
import { CountsSchema } from "../../control/events/counts_pb.ts";
import { DecisionSchema } from "../../control/events/decision_pb.ts";
import { LabelSchema } from "../../control/events/label_pb.ts";
import type { EventLog, StoredEvent, Topic } from "../../control/events/log.ts";
import type { NamesOf } from "../../control/learn/tables.ts";
import { namesOf as namesOfTest } from "./decisions.ts";
import { readAll } from "./log-conformance.ts";

export type HandSettings = {
  windowMs: number;
  cohortMs: number;
  /** Sources by name: whether a tag affects them. */
  affected: Readonly<Record<string, boolean>>;
  /** Codes that are positive in a decision's own outcome. */
  positiveCodes?: readonly number[];
  /** The label header of the response says "1" or "0" of a decision, and a tag affects it. */
  readsHeader?: boolean;
  /** Names of the tables; those of support/decisions.ts unless given. */
  namesOf?: NamesOf;
};

type HandDecision = {
  id: string;
  record: string;
  time: number;
  digest: string;
  code: number;
  header: unknown;
  models: { segment: number; bin: number; arm: number }[];
};
type HandLabel = {
  id: string;
  record: string | null;
  time: number;
  label: number;
  model: string;
  affected: boolean;
};

/** All partitions, one after the other: an id lies in one of them. */
async function readEvery(log: EventLog, topic: Topic): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (let partition = 0; partition < log.partitions(topic); partition++) {
    all.push(...(await readAll(log, topic, partition)));
  }
  return all;
}

async function listDecisions(log: EventLog): Promise<HandDecision[]> {
  const seen = new Set<string>();
  const list: HandDecision[] = [];
  for (const { time, key, value } of await readEvery(log, "limen.decisions")) {
    // A tick.
    if (value === null) continue;
    const { node, record, responseCode, outcome } = fromBinary(DecisionSchema, value);
    const bytes = Buffer.from(record);
    const copy = `${node} ${bytes.toString("hex", 4, 16)}`;
    if (seen.has(copy)) continue;
    seen.add(copy);
    list.push({
      id: Buffer.from(key ?? []).toString("hex"),
      record: `${bytes.readBigUInt64LE(8)}/${bytes.readUInt32LE(4)}`,
      time,
      digest: bytes.toString("hex", 24, 32),
      code: responseCode,
      header: outcome?.["label"],
      models: Array.from({ length: bytes.readUInt16LE(36) }, (_, model) => ({
        segment: bytes.readUInt16LE(40 + 8 * model),
        bin: bytes.readUInt16LE(42 + 8 * model),
        arm: bytes.readUInt8(45 + 8 * model),
      })),
    });
  }
  return list;
}

function readLabel({ time, key, value }: StoredEvent, settings: HandSettings): HandLabel[] {
  // JSON counts by the event that the learner makes of it.
  if (value?.[0] === 0x7b) return [];
  const stored = fromBinary(LabelSchema, value ?? new Uint8Array());
  const affected = settings.affected[stored.source];
  if (stored.kind !== 0 || affected === undefined) return [];
  const { label, model, record } = stored;
  if (label !== 1 && label !== 2) return [];
  const id = Buffer.from(key ?? []).toString("hex");
  return [
    { id, record: record ? `${record.vm}/${record.seq}` : null, time, label, model, affected },
  ];
}

async function listLabels(log: EventLog, settings: HandSettings): Promise<HandLabel[]> {
  const events = await readEvery(log, "limen.labels");
  return events.flatMap((event) => readLabel(event, settings));
}

/** A label before its decision waits, when no decision of the id came earlier within W. */
function isFirstOf(
  decision: HandDecision,
  labelTime: number,
  all: readonly HandDecision[],
  windowMs: number,
): boolean {
  return !all
    .slice(0, all.indexOf(decision))
    .some((other) => other.id === decision.id && other.time >= labelTime - windowMs);
}

/** What the decision carries itself: 0 nothing, 1 negative, 2 positive. */
function readOwn({ code, header }: HandDecision, settings: HandSettings): number {
  if (settings.positiveCodes?.includes(code)) return 2;
  if (!settings.readsHeader) return 0;
  return header === "1" ? 2 : Number(header === "0");
}

/** The label of one score: 0 none, 1 negative, 2 positive, 3 ambiguous. */
function decide(
  decision: HandDecision,
  model: number,
  all: readonly HandDecision[],
  labels: readonly HandLabel[],
  settings: HandSettings,
): number {
  const { windowMs, namesOf = namesOfTest } = settings;
  const name = namesOf(decision.digest)?.models[model]?.name;
  const arm = decision.models[model]?.arm ?? 0;
  const isActed = arm === 1 || arm === 4;
  const own = readOwn(decision, settings);
  if (own !== 0 && !isActed) return own;
  const counted = labels.filter(
    (label) =>
      label.id === decision.id &&
      Math.abs(label.time - decision.time) <= windowMs &&
      (label.record === null || label.record === decision.record) &&
      (label.model === "" || label.model === name) &&
      !(label.affected && isActed),
  );
  const isCrowded = all.some(
    (other) =>
      other !== decision &&
      other.id === decision.id &&
      other.time >= decision.time - 2 * windowMs &&
      other.time <= decision.time + windowMs,
  );
  if (!isCrowded) return counted[0]?.label ?? 0;
  const exact = counted.find(({ record }) => record !== null);
  const isMeant = counted.some(
    ({ time }) => time >= decision.time || isFirstOf(decision, time, all, windowMs),
  );
  return exact?.label ?? (isMeant ? 3 : 0);
}

export type HandCells = Map<string, number>;

function add(cells: HandCells, name: readonly (string | number)[], count: number): void {
  const key = name.join(" ");
  cells.set(key, (cells.get(key) ?? 0) + count);
}

/** Cells of every cohort that is closed at `now`. */
export async function joinByHand(
  log: EventLog,
  settings: HandSettings,
  now: number,
): Promise<HandCells> {
  const decisions = await listDecisions(log);
  const ofId = Map.groupBy(decisions, ({ id }) => id);
  const labelsOfId = Map.groupBy(await listLabels(log, settings), ({ id }) => id);
  const cells: HandCells = new Map();
  for (const decision of decisions) {
    const cohort = Math.floor(decision.time / settings.cohortMs);
    if ((cohort + 1) * settings.cohortMs + settings.windowMs > now) continue;
    const [all, labels] = [ofId.get(decision.id) ?? [], labelsOfId.get(decision.id) ?? []];
    decision.models.forEach(({ segment, bin, arm }, model) => {
      if (bin === 65535) return;
      const names = (settings.namesOf ?? namesOfTest)(decision.digest);
      const digest = names?.models[model]?.digest ?? "?";
      const where = [digest, names?.segments[segment] ?? "?", cohort, decision.digest, arm, bin];
      add(cells, [...where, decide(decision, model, all, labels, settings)], 1);
    });
  }
  return cells;
}

/** The cells of the labelled records in limen.counts: of each key its newest value. */
export async function readLabelled(log: EventLog): Promise<HandCells> {
  const cells: HandCells = new Map();
  const newest = new Map<string, Uint8Array | null>();
  for (const { partition, key, value } of await readEvery(log, "limen.counts")) {
    newest.set(`${partition} ${Buffer.from(key ?? [])}`, value);
  }
  for (const [name, value] of newest) {
    const parts = name.slice(name.indexOf(" ") + 1).split("/");
    if (value === null) continue;
    if (parts[0] !== "labelled" || parts.length < 5) continue;
    const counts = fromBinary(CountsSchema, value);
    const { modelDigest, segment, cohort } = counts;
    for (const { tableDigest, arm, bins, labels, counts: numbers } of counts.cells) {
      let bin = 0;
      bins.forEach((difference, index) => {
        bin += difference;
        const where = [modelDigest, segment, Number(cohort), tableDigest, arm, bin];
        add(cells, [...where, labels[index] ?? -1], Number(numbers[index]));
      });
    }
  }
  return cells;
}
