import { CUT_NONE } from "../../models/limits.ts";
import type { EventLog, StoredEvent } from "../events/log.ts";
import { REASONS, STATUSES } from "../service/decisions.ts";
import type { TableNames } from "../table/describe.ts";
import { classifyDecision, nameFlags } from "./classify.ts";
import { type ReadDecision, readDecision } from "./decision.ts";
import { type LabelOf, openLabels } from "./labels.ts";
import {
  type BadExample,
  type BadRow,
  DECISION_CLASSES,
  type DecisionClass,
  type ExplainedBad,
} from "./view.ts";
import { walkBack } from "./walk.ts";

const NEWEST_MAX = 5;

export type NamesOf = (tableDigest: string) => TableNames | undefined;

export type BadParts = {
  log: EventLog;
  namesOf: NamesOf;
  /** Newest decisions of a partition looked at. */
  bound: number;
};

/** The first model that scored decides: its bin against the first cut of its segment. */
function predict({ record }: ReadDecision, names: TableNames | undefined): boolean | null {
  const index = record.models.findIndex(({ bin }) => bin !== null);
  const model = record.models[index];
  const cut = names?.models[index]?.cuts[model?.segment ?? 0]?.[0];
  if (!model || model.bin === null || cut === undefined || cut >= CUT_NONE) return null;
  return model.bin >= cut;
}

function showExample({ event, stored, record }: ReadDecision, names: TableNames | undefined) {
  const tags = record.models.map(({ tag }, index) => names?.models[index]?.tags[tag - 1]?.value);
  const example: BadExample = {
    requestId: stored.requestId,
    node: stored.node,
    at: event.time,
    method: stored.method,
    path: stored.path,
    code: stored.responseCode,
    flags: nameFlags(stored.responseFlags),
    status: STATUSES[record.status] ?? String(record.status),
    reason: REASONS[record.reason] ?? String(record.reason),
    tag: tags.find((tag) => tag !== undefined) ?? null,
  };
  return example;
}

type Tally = {
  decisions: number;
  labelled: number;
  unreadable: number;
  rows: Map<DecisionClass, { count: number; newest: BadExample[] }>;
};

function tallyEvent(tally: Tally, event: StoredEvent, namesOf: NamesOf, labelOf: LabelOf): void {
  const read = readDecision(event);
  if (read === null) {
    tally.unreadable++;
    return;
  }
  const names = namesOf(read.record.tableDigest);
  const label = labelOf(read);
  tally.decisions++;
  if (label !== undefined) tally.labelled++;
  const kind = classifyDecision({
    reason: read.record.reason,
    code: read.stored.responseCode,
    flags: nameFlags(read.stored.responseFlags),
    isPositive: predict(read, names),
    label,
  });
  if (kind === null) return;
  const row = tally.rows.get(kind) ?? { count: 0, newest: [] };
  tally.rows.set(kind, row);
  row.count++;
  // Each partition is walked from its newest event back, so only its first ones may be kept.
  row.newest.push(showExample(read, names));
  row.newest.sort((a, b) => b.at - a.at);
  row.newest.length = Math.min(row.newest.length, NEWEST_MAX);
}

/** Decisions from `since` on by what is bad about them, each in one row at most. */
export async function listBad(
  parts: BadParts,
  since: number,
  until: number,
): Promise<ExplainedBad> {
  const { log, namesOf, bound } = parts;
  const labelOf = await openLabels(log, since, bound);
  const tally: Tally = { decisions: 0, labelled: 0, unreadable: 0, rows: new Map() };
  let isBounded = false;
  for (let partition = 0; partition < log.partitions("limen.decisions"); partition++) {
    const visit = (event: StoredEvent): boolean => {
      if (event.time < since) return false;
      tallyEvent(tally, event, namesOf, labelOf);
      return true;
    };
    const isCut = await walkBack(log, { topic: "limen.decisions", partition, bound, visit });
    isBounded ||= isCut;
  }
  const { decisions, labelled, unreadable } = tally;
  const rows = DECISION_CLASSES.map(
    (what): BadRow => ({ what, ...(tally.rows.get(what) ?? { count: 0, newest: [] }) }),
  );
  return { kind: "bad", since, until, decisions, labelled, unreadable, isBounded, bound, rows };
}
