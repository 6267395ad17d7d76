import { fromBinary } from "@bufbuild/protobuf";
import { type DecisionRecord, type RecordedModel, readRecord } from "../collect/record.ts";
import { type Decision, DecisionSchema } from "../events/decision_pb.ts";
import type { StoredEvent } from "../events/log.ts";
import type { Scorer } from "../scorer.ts";
import { ARMS, REASONS, STATUSES } from "../service/decisions.ts";
import { nameFlags } from "./classify.ts";
import { explainModel, nameFeatures, scoreOffline } from "./models.ts";
import { explainReason } from "./reasons.ts";
import type { KnownTable } from "./table.ts";
import type { ExplainedDecision, ModelExplained } from "./view.ts";

const NS_PER_MS = 1_000_000n;
const NO_SCORE = { raw: null, score: null, bin: null };

export type ReadDecision = { event: StoredEvent; stored: Decision; record: DecisionRecord };

/** A stored event as a decision; null when its bytes are none. */
export function readDecision(event: StoredEvent): ReadDecision | null {
  try {
    const stored = fromBinary(DecisionSchema, event.value ?? new Uint8Array());
    return { event, stored, record: readRecord(stored.record) };
  } catch {
    return null;
  }
}

/** One model of a record beside its vector scored again with the same table. */
function explainRecorded(
  table: KnownTable,
  index: number,
  recorded: RecordedModel,
  again: (model: number) => typeof NO_SCORE | ReturnType<typeof scoreOffline> | null,
): ModelExplained {
  const { names } = table;
  const scored = again(index);
  const { bin } = recorded;
  const model = explainModel(names, index, recorded.segment, { ...(scored ?? NO_SCORE), bin });
  const isOff = model.mode === "off";
  return {
    ...model,
    ...(isOff ? NO_SCORE : {}),
    arm: bin === null ? null : (ARMS[recorded.arm] ?? String(recorded.arm)),
    tag: names.models[index]?.tags[recorded.tag - 1]?.value ?? null,
    offline: scored && !isOff ? { bin: scored.bin, isSame: scored.bin === bin } : null,
  };
}

/** Models of a record whose table nobody has: numbers only. */
function explainUnknown(recorded: RecordedModel, index: number): ModelExplained {
  return {
    ...NO_SCORE,
    bin: recorded.bin,
    model: String(index),
    digest: "",
    segment: String(recorded.segment),
    mode: String(recorded.mode),
    binScores: null,
    cuts: [],
    reaches: null,
    arm: ARMS[recorded.arm] ?? null,
    tag: recorded.tag === 0 ? null : String(recorded.tag),
    offline: null,
  };
}

function explainOffline(
  table: KnownTable | null,
  record: DecisionRecord,
  models: readonly ModelExplained[],
): string {
  if (table === null) return "not checked: the history does not hold the table";
  if (record.vector === null) return "not checked: the record carries no vector";
  if (models.every(({ offline }) => offline === null)) {
    return "not checked: this version does not read the table";
  }
  const wrong = models.filter(({ offline }) => offline?.isSame === false);
  const text = wrong.map(
    ({ model, bin, offline }) => `${model}: recorded bin ${bin}, offline ${offline?.bin ?? "none"}`,
  );
  return wrong.length > 0 ? `different: ${text.join("; ")}` : "same";
}

/** Why the record carries no vector. */
function noteVector(record: DecisionRecord, table: KnownTable | null): string | null {
  if (record.vector !== null) {
    return table === null ? "the table that names them is not in the history" : null;
  }
  if (record.models.every(({ bin }) => bin === null)) return "nothing was scored";
  const share = table === null ? "" : `, ${table.names.vector} now`;
  return (
    "the record carries no vector; set keep.vectors in limen.yaml to the share of records " +
    `that shall (0 to 1${share})`
  );
}

/** A recorded decision in words and numbers, and its vector scored again with its own table. */
export function explainDecision(
  { event, stored, record }: ReadDecision,
  table: KnownTable | null,
  scorer: Scorer,
): ExplainedDecision {
  const { vector } = record;
  const isScorable = table !== null && vector !== null && scorer.load(table.bytes) === 0;
  const again = (model: number) => (isScorable ? scoreOffline(scorer, model, vector) : null);
  const models = record.models.map((recorded, index) =>
    table ? explainRecorded(table, index, recorded, again) : explainUnknown(recorded, index),
  );
  const reason = REASONS[record.reason] ?? String(record.reason);
  return {
    kind: "decision",
    requestId: stored.requestId,
    node: stored.node,
    workload: stored.workload,
    at: event.time,
    decidedAt: Number(record.timeNs / NS_PER_MS),
    method: stored.method,
    authority: stored.authority,
    path: stored.path,
    code: stored.responseCode,
    flags: nameFlags(stored.responseFlags),
    durationMs: Number(stored.durationUs) / 1000,
    upstream: stored.upstreamCluster,
    status: STATUSES[record.status] ?? String(record.status),
    reason,
    reasonText: explainReason(reason),
    vm: String(record.vm),
    seq: record.seq,
    tableDigest: record.tableDigest,
    serial: record.tableSerial,
    table: table?.pushed ?? null,
    features: table && vector ? nameFeatures(table.names, vector) : null,
    featuresNote: noteVector(record, table),
    models,
    offline: explainOffline(table, record, models),
    others: [],
  };
}
