import { startApi } from "./api/server.ts";
import type { ApplyAnswer, HistoryView, ServiceFace, StatusView } from "./api/views.ts";
import { packageVersion } from "./cli/version.ts";
import type { EventLog } from "./events/log.ts";
import { openSqliteLog } from "./events/sqlite.ts";
import { createExplainer } from "./explain/explainer.ts";
import { type History, type HistoryEntry, openHistory } from "./history/history.ts";
import { measureLoss } from "./learn/seqs.ts";
import { createNotifier } from "./notify/notifier.ts";
import { createPublisher, type Published } from "./publish.ts";
import { createScorer } from "./scorer.ts";
import { readDecisions } from "./service/decisions.ts";
import { type Labels, openLabels } from "./service/labels.ts";
import { watchDecision } from "./service/look.ts";
import { createTurns, lookOften, openState } from "./service/open.ts";
import {
  createLastRecords,
  createResources,
  FILTER_NAME,
  type Intake,
  startIntake,
} from "./service/start.ts";
import {
  apply,
  cohortsOf,
  countAllBins,
  preview,
  resume,
  type State,
  turn,
} from "./service/state.ts";
import { type LastRecord, viewModel, viewProxies, viewStatus } from "./service/status.ts";
import { openTables, type Tables } from "./service/tables.ts";
import type { Settings } from "./settings.ts";

export type Service = {
  /** HOST:PORT each listens on. */
  xds: string;
  http: string;
  close(): Promise<void>;
};

const HISTORY_PAGE = 10_000;

type Parts = {
  settings: Settings;
  log: EventLog;
  history: History;
  tables: Tables;
  state: State;
  intake: Intake;
  last: ReadonlyMap<string, LastRecord>;
  labels: Labels;
};

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

function status({ settings, history, state, intake, last, labels }: Parts): StatusView {
  const live = state.publisher.live();
  const loss = { missing: 0, duplicates: 0, rejected: 0, decisions: 0 };
  for (const { counters, seqs } of state.learner.states) {
    loss.missing += measureLoss(seqs).missing;
    loss.duplicates += counters.duplicates;
    loss.rejected += counters.rejected;
    loss.decisions += counters.decisions;
  }
  const counters = intake.collector.counters();
  return viewStatus({
    version: packageVersion(),
    state: state.isOff ? "off" : "live",
    serial: live.table.serial,
    tableDigest: live.digest,
    resourceDigest: history.live().table?.resourceDigest ?? "",
    pushedAt: history.live().table?.at ?? null,
    ttlMs: settings.ttlMs,
    proxies: viewProxies(intake.xds.proxies(), last),
    models: state.models.map((model, index) =>
      viewModel({
        model,
        own: state.own[index] as State["own"][number],
        segments: state.segments,
        learned: state.learned,
        cohorts: cohortsOf(state, model),
        look: state.looks.get(model.name) ?? null,
        tracked: [...state.tracking.values()].filter((one) => one.model === model.name),
      }),
    ),
    log: {
      decisions: loss.decisions,
      lost: loss.missing,
      duplicates: loss.duplicates,
      rejected: loss.rejected + counters.rejected,
      dropped: counters.dropped,
    },
    labels: labels.view(),
  });
}

const answerOf = (published: Published, note: string): ApplyAnswer => ({
  tableDigest: published.digest,
  serial: published.serial,
  changed: published.changed,
  note,
});

/** The service as the HTTP API sees it; changes happen one after another. */
function createFace(parts: Parts, inTurn: <Value>(job: () => Promise<Value>) => Promise<Value>) {
  const { log, history, tables, state } = parts;
  const face: ServiceFace = {
    status: () => status(parts),
    history: async (since) => (await history.read(since, HISTORY_PAGE)).map(viewEvent),
    decisions: (since, max) => readDecisions(log, since, max, tables.namesOf),
    explain: createExplainer({
      log,
      history,
      liveTable: () => state.publisher.live().bytes,
      namesOf: tables.namesOf,
      tokenKey: state.publisher.secrets.tokenKey,
      keepMs: parts.settings.keep.decisionsMs,
      now: state.now,
    }),
    apply: async ({ set, by = "http", dryRun }) => {
      if (dryRun) return answerOf(preview(state, set), "dry run, nothing is changed");
      return answerOf(await inTurn(() => apply(state, set, by)), "not staged");
    },
    turn: async (to, by) => answerOf(await inTurn(() => turn(state, to, by)), to),
    labels: (body, by) => parts.labels.post(body, by),
  };
  return face;
}

/** All roles in one process: collect, learn, serve. Throws before anything listens, or cleans up. */
export async function startService(
  settings: Settings,
  say: (line: string) => void,
): Promise<Service> {
  const scorer = createScorer();
  const log = openSqliteLog(settings.logFile, {
    keepMs: settings.keep.decisionsMs,
    maxBytes: settings.keep.diskBytes,
  });
  const stop = new AbortController();
  const closers: (() => Promise<unknown>)[] = [() => log.close()];
  const close = async (): Promise<void> => {
    stop.abort();
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const history = await openHistory(log);
    const tables = await openTables(history);
    const { opened, watcher } = await openState(settings, log, history, tables);
    const resourceOf = createResources(settings);
    let intake: Intake | undefined;
    const publisher = createPublisher({
      settings,
      models: opened.models,
      history,
      validate: scorer.load,
      counts: () => countAllBins(opened),
      resourceDigest: (bytes) => resourceOf(bytes).digest,
      now: Date.now,
      send: ({ bytes }, kind) => {
        tables.add(bytes);
        const ttlMs = kind === "base" || settings.ttlMs === 0 ? null : settings.ttlMs;
        intake?.xds.setTarget(FILTER_NAME, resourceOf(bytes), { ttlMs });
      },
    });
    const notifier = createNotifier({ hooks: settings.notify, now: Date.now, say });
    closers.push(notifier.close);
    const tell: State["tell"] = (what, why, more) => {
      const tableDigest = publisher.live().digest;
      notifier.notify({ what, at: Date.now(), why, tableDigest, ...more });
    };
    const state: State = { ...opened, publisher, say, tell };
    watcher.watch = (digest, segment, bin) => watchDecision(state, digest, segment, bin);
    const { last, note } = createLastRecords();
    intake = await startIntake(settings, {
      log,
      history,
      say,
      tokenKey: publisher.secrets.tokenKey,
      onAppend: note,
      onNack: (node, why) => tell("nack", why, { node }),
    });
    closers.push(intake.close);
    const inTurn = createTurns();
    await inTurn(() => resume(state));
    const labels = openLabels(settings, log, opened, publisher.secrets.tokenKey);
    const parts = { settings, log, history, tables, state, intake, last, labels };
    const face = createFace(parts, inTurn);
    const api = await startApi(face, settings.listen.http);
    closers.push(api.close);
    const running = [state.learner.run(stop.signal), lookOften(state, inTurn, stop.signal)];
    closers.push(() => Promise.all(running));
    const host = (address: string): string => address.slice(0, address.lastIndexOf(":"));
    return {
      xds: `${host(settings.listen.xds)}:${intake.xds.port}`,
      http: `${host(settings.listen.http)}:${api.port}`,
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
