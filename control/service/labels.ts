import type { LabelsView } from "../api/views.ts";
import { createHashId } from "../collect/hash-id.ts";
import { readLabelPost } from "../collect/label-body.ts";
import {
  createLabelIntake,
  createOpenLabel,
  type FoundLabel,
  type LabelAnswer,
  type LabelIntake,
} from "../collect/label-intake.ts";
import type { EventLog } from "../events/log.ts";
import { choosePartition } from "../events/partition.ts";
import { createFates, FATES, type Fates } from "../learn/join/fates.ts";
import { peekLabel } from "../learn/join/labels.ts";
import type { LabelSettings } from "../learn/join/sources.ts";
import type { OpenLabel } from "../learn/relay.ts";
import type { LearnState } from "../learn/state.ts";
import { readSecrets } from "../publish.ts";
import type { Settings } from "../settings.ts";
import type { Opened } from "./opened.ts";

export type Labels = {
  post: (body: unknown, by: string) => ReturnType<LabelIntake["post"]>;
  /** Null where no source is declared. */
  view: () => LabelsView | null;
};

type LabelsParts = {
  log: EventLog;
  settings: LabelSettings | null;
  tokenKey: Uint8Array;
  models: readonly string[];
  states: readonly LearnState[];
  partitions: number;
  now: () => number;
};

/** What would become of a label, as far as its partition was read. */
function peekAt(parts: LabelsParts, found: FoundLabel): LabelAnswer {
  const { states, settings, now } = parts;
  const place = choosePartition(found.key, parts.partitions);
  const join = states.find(({ settings: { partition } }) => partition === place)?.joining?.join;
  if (!join) return "waiting";
  const view = new DataView(found.key.buffer, found.key.byteOffset, 8);
  const { record, label, model, source } = found;
  const declared = settings?.sources.find(({ name }) => name === source);
  const fate = peekLabel(join, {
    time: Math.max(now(), join.time),
    keyLow: view.getInt32(0, true),
    keyHigh: view.getInt32(4, true),
    record: record && {
      vmLow: Number(record.vm & 0xffffffffn),
      vmHigh: Number(record.vm >> 32n),
      seq: record.seq,
    },
    label,
    model,
    affectedByTag: declared?.affectedByTag ?? true,
  });
  return fate === "invalid" || fate === "skipped" ? "unknown" : fate;
}

function sumFates(states: readonly LearnState[]): { fates: Fates; accepted: number } {
  const fates = createFates();
  let accepted = 0;
  for (const { joining } of states) {
    if (!joining) continue;
    accepted += joining.join.accepted;
    for (const fate of FATES) fates[fate] += joining.join.fates[fate];
  }
  return { fates, accepted };
}

/** What became of labels in those partitions, and why posted ones were refused; null where no
 * source is declared. */
export function viewLabels(
  settings: LabelSettings | null,
  states: readonly LearnState[],
  byReason: Readonly<Record<string, number>>,
): LabelsView | null {
  if (!settings) return null;
  const { fates, accepted } = sumFates(states);
  const closed = states.flatMap(({ joining }) => [...(joining?.closed.values() ?? [])]);
  const silent = closed.filter(({ silence }) => silence !== "");
  const rejected = Object.values(byReason).reduce((sum, n) => sum + n, 0);
  const came = fates.joined + fates.late;
  return {
    accepted,
    ...fates,
    rejected,
    rejectedBy: byReason,
    lateShare: came === 0 ? null : fates.late / came,
    windowMs: settings.windowMs,
    cohortMs: states[0]?.joining?.join.settings.cohortMs ?? 0,
    sources: settings.sources.map(({ name, from, negatives }) => ({ name, from, negatives })),
    closedCohorts: closed.length,
    silentCohorts: silent.length,
    silence: silent.at(-1)?.silence ?? "",
  };
}

/** Labels as the HTTP API sees them. */
function createLabels(parts: LabelsParts): Labels {
  const { log, settings, tokenKey, models, now } = parts;
  const intake = createLabelIntake({
    append: (batch) => log.append(batch),
    settings,
    tokenKey,
    models,
    now,
    hashId: createHashId(tokenKey),
    partitions: parts.partitions,
    peek: (found) => peekAt(parts, found),
  });
  return {
    post: async (body, by) => intake.post(readLabelPost(body), by),
    view: () => viewLabels(settings, parts.states, intake.rejected()),
  };
}

/** The labels of a running process; one that folds no decisions itself answers "waiting". */
export function openLabels(
  settings: Settings,
  log: EventLog,
  tokenKey: Uint8Array,
  states: readonly LearnState[],
): Labels {
  return createLabels({
    log,
    tokenKey,
    settings: settings.labels,
    models: settings.models.map(({ name }) => name),
    states,
    partitions: log.partitions("limen.labels"),
    now: Date.now,
  });
}

const openerOf = (settings: Settings, log: EventLog, tokenKey: Uint8Array): OpenLabel =>
  createOpenLabel({
    settings: settings.labels,
    tokenKey,
    hashId: createHashId(tokenKey),
    models: settings.models.map(({ name }) => name),
    partitions: log.partitions("limen.labels"),
  });

/** Reads JSON labels that others put on the topic; the key comes with the first table. */
export function createOpener({ settings, log, history }: Opened): OpenLabel {
  let open: OpenLabel | undefined;
  return (value, place) => {
    const { table } = history.live();
    if (table === null) return { reject: "label: before the first table" };
    open ??= openerOf(settings, log, readSecrets(table.bytes).tokenKey);
    return open(value, place);
  };
}
