import type {
  ApplyAnswer,
  HistoryView,
  LabelsView,
  ServiceFace,
  StatusView,
} from "../api/views.ts";
import { packageVersion } from "../cli/version.ts";
import type { Collector } from "../collect/access-log.ts";
import { LimenError } from "../errors.ts";
import { createExplainer } from "../explain/explainer.ts";
import type { HistoryEntry } from "../history/history.ts";
import { measureStates } from "../learn/loss.ts";
import type { LearnState } from "../learn/state.ts";
import { type Published, publishBase, readSecrets } from "../publish.ts";
import type { Resource } from "../xds/resource.ts";
import type { Deciding } from "./deciding.ts";
import { readDecisions } from "./decisions.ts";
import { viewLabels } from "./labels.ts";
import { nameProcess, type Opened } from "./opened.ts";
import type { Serving } from "./serving.ts";
import { apply, cohortsOf, preview, type State, turn } from "./state.ts";
import { type LastRecord, type StatusParts, viewModel, viewProxies, viewStatus } from "./status.ts";

/** What a process has besides the log and the history; what it lacks another one does. */
export type FaceParts = Pick<
  Opened,
  "settings" | "role" | "auth" | "log" | "history" | "tables"
> & {
  /** Null while this process does not decide. */
  deciding: () => Deciding | null;
  serving?: Serving;
  collector?: Collector;
  states?: () => readonly LearnState[];
  labels?: { post: ServiceFace["labels"]; view: () => LabelsView | null };
  last?: ReadonlyMap<string, LastRecord>;
  resourceOf?: (table: Uint8Array) => Resource;
};

const HISTORY_PAGE = 10_000;

function viewEvent({ n, event }: HistoryEntry): HistoryView {
  const reasons = event.reasons.length > 0 ? `: ${event.reasons.join("; ")}` : "";
  const staged = event.what === "applied" && !event.staged ? " (not staged)" : "";
  return {
    // Numbers begin at 1, so that `since=0` asks for everything.
    n: n + 1,
    at: event.at,
    what: event.what,
    by: event.by,
    why: `${event.why}${reasons}${staged}`,
    tableDigest: event.tableDigest,
    resourceDigest: event.resourceDigest,
    serial: event.tableSerial,
    ...(event.node === "" ? {} : { node: event.node, ms: event.ms }),
  };
}

function viewModels(state: State) {
  return state.models.map((model, index) =>
    viewModel({
      model,
      own: state.own[index] as State["own"][number],
      segments: state.segments,
      learned: state.learned,
      cohorts: cohortsOf(state, model),
      look: state.looks.get(model.name) ?? null,
      tracked: [...state.tracking.values()].filter((one) => one.model === model.name),
    }),
  );
}

/** Only the process that decides has the states of all partitions. */
function viewLost(learner: State["learner"] | undefined) {
  if (!learner) return { lost: null, lostAtMost: false };
  const { missing, isExact } = measureStates(learner.states);
  return { lost: missing, lostAtMost: !(isExact && learner.isCurrent()) };
}

function viewLog(states: readonly LearnState[], collector: Collector | undefined) {
  const sum = { decisions: 0, duplicates: 0, rejected: 0 };
  for (const { counters } of states) {
    sum.duplicates += counters.duplicates;
    sum.rejected += counters.rejected;
    sum.decisions += counters.decisions;
  }
  const counters = collector?.counters();
  const rejected = sum.rejected + (counters?.rejected ?? 0);
  const { dropped = 0, appended = 0 } = counters ?? {};
  return { ...sum, rejected, dropped, appended };
}

function status(parts: FaceParts): StatusView {
  const { settings, history, serving, collector } = parts;
  const { table, off, decider } = history.live();
  const state = parts.deciding()?.state;
  const states = state?.learner.states ?? parts.states?.() ?? [];
  const view: StatusParts = {
    version: packageVersion(),
    role: parts.role,
    decider,
    state: off === null ? "live" : "off",
    serial: table?.serial ?? 0,
    tableDigest: table?.digest ?? "",
    resourceDigest: table?.resourceDigest ?? "",
    pushedAt: table?.at ?? null,
    ttlMs: settings.ttlMs,
    proxies: serving ? viewProxies(serving.xds.proxies(), parts.last ?? new Map()) : [],
    models: state ? viewModels(state) : [],
    log: { ...viewLog(states, collector), ...viewLost(state?.learner) },
    labels: parts.labels?.view() ?? (state ? viewLabels(settings.labels, states, {}) : null),
    refused: parts.auth.refused(),
  };
  return viewStatus(view);
}

const answerOf = (published: Published, note: string): ApplyAnswer => ({
  tableDigest: published.digest,
  serial: published.serial,
  changed: published.changed,
  note,
});

/** Where to ask for what this process does not do. */
function elsewhere({ role, history, settings }: FaceParts, what: string): LimenError {
  const { decider } = history.live();
  if (decider === nameProcess(settings)) {
    const text = `${what}: this process decided and does not just now, as the event log is away or`;
    return new LimenError(
      "unavailable",
      `${text} moves; try again, "limen status" names who decides`,
    );
  }
  const where = decider === "" ? "the process that decides" : decider;
  return new LimenError("unavailable", `${what}: a process of role ${role}; ask ${where}`);
}

/** Any process with the log may stop everything: the base table needs no settings and no counts. */
async function turnOff(parts: FaceParts, by: string): Promise<ApplyAnswer> {
  const { history, resourceOf } = parts;
  const { table } = await history.refresh();
  if (table === null || resourceOf === undefined) throw elsewhere(parts, "off");
  const secrets = readSecrets(table.bytes);
  const resourceDigest = (bytes: Uint8Array): string => resourceOf(bytes).digest;
  const wish = { secrets, by, why: "off", at: Date.now(), resourceDigest };
  return answerOf(await publishBase(history, wish), "off");
}

async function turnTo(parts: FaceParts, to: "off" | "on", by: string): Promise<ApplyAnswer> {
  const deciding = parts.deciding();
  if (deciding) return answerOf(await deciding.inTurn(() => turn(deciding.state, to, by)), to);
  if (to === "on") throw elsewhere(parts, "on");
  const answer = await turnOff(parts, by);
  parts.serving?.push(parts.history.live());
  return answer;
}

function explainerOf({ log, history, tables, settings }: FaceParts): ServiceFace["explain"] {
  let explain: ServiceFace["explain"] | undefined;
  const tableOf = (): Uint8Array => {
    const { table } = history.live();
    if (table === null) throw new LimenError("missing", "explain: no table was pushed yet");
    return table.bytes;
  };
  return async (ask) => {
    explain ??= createExplainer({
      log,
      history,
      liveTable: tableOf,
      namesOf: tables.namesOf,
      tokenKey: readSecrets(tableOf()).tokenKey,
      keepMs: settings.keep.decisionsMs,
      now: Date.now,
    });
    return explain(ask);
  };
}

/** A process as the HTTP API sees it. */
export function createFace(parts: FaceParts): ServiceFace {
  const { log, history, tables } = parts;
  return {
    status: () => status(parts),
    history: async (since) => (await history.read(since, HISTORY_PAGE)).map(viewEvent),
    decisions: (page) => readDecisions(log, page, tables.namesOf),
    explain: explainerOf(parts),
    apply: async ({ set, by = "http", dryRun }) => {
      const deciding = parts.deciding();
      if (!deciding) throw elsewhere(parts, "apply");
      const { state, inTurn } = deciding;
      if (dryRun) return answerOf(preview(state, set), "dry run, nothing is changed");
      return answerOf(await inTurn(() => apply(state, set, by)), "not staged");
    },
    turn: (to, by) => turnTo(parts, to, by),
    labels: async (body, by) => {
      if (!parts.labels) {
        const isEarly = parts.role === "collect";
        const role = `a process of role ${parts.role}; post them to one that collects`;
        const why = isEarly ? "no table yet, which brings the key; try again" : role;
        throw new LimenError("unavailable", `labels: ${why}`);
      }
      return parts.labels.post(body, by);
    },
  };
}
