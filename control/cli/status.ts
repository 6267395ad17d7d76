import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { CutView, ModelView, ProxyView, StatusView } from "../api/views.ts";
import { callService, serverOf } from "./client.ts";
import { type Column, type Format, formatRows, outputOption } from "./output.ts";

const percent = (share: number | null): string =>
  share === null ? "-" : `${(share * 100).toFixed(2)}%`;
const ago = (at: number | null): string =>
  at === null ? "never" : `${Math.max(0, Math.round((Date.now() - at) / 1000))} s ago`;

const PROXY_COLUMNS: readonly Column<ProxyView>[] = [
  { title: "proxy", of: (proxy) => proxy.node },
  { title: "connected", of: (proxy) => (proxy.connected ? "yes" : "no") },
  { title: "acked", of: (proxy) => proxy.acked },
  { title: "runs table", of: (proxy) => proxy.tableDigest },
  { title: "ack ms", of: (proxy) => proxy.lastAckMs?.toFixed(1) ?? null },
  { title: "last record", of: (proxy) => ago(proxy.lastRecordAt) },
  { title: "refused", of: (proxy) => proxy.nacked.length },
  { title: "workload", of: (proxy) => proxy.workload, wide: true },
];

/** Roles that proxies get their tables from. */
export const HANDS_OUT: readonly StatusView["role"][] = ["all", "serve"];
const OF_RECORDS = ["runs table", "last record"];
/** Records go to processes that collect: one that only serves knows nothing by them. */
export const proxyColumnsOf = ({ role }: StatusView): readonly Column<ProxyView>[] =>
  PROXY_COLUMNS.filter(({ title }) => role !== "serve" || !OF_RECORDS.includes(title));

type CutRow = {
  model: ModelView;
  segment: string;
  tag: string;
  mode: string;
  share: number | null;
} & CutView & {
    decisions: number;
  };

export const CUT_COLUMNS: readonly Column<CutRow>[] = [
  { title: "cut", of: (row) => `${row.model.name}/${row.segment}.${row.tag}` },
  { title: "mode", of: (row) => row.mode },
  { title: "score", of: (row) => row.score?.toFixed(4) ?? "none" },
  { title: "from", of: (row) => row.source },
  { title: "objective", of: (row) => row.model.objective },
  { title: "decisions", of: (row) => row.decisions },
  { title: "at or above", of: (row) => percent(row.share) },
  {
    title: "certified",
    of: (row) => {
      if (!row.certificate) return null;
      const { certified, n, needed, bound } = row.certificate;
      return certified ? `yes, at most ${percent(bound)}` : `${n} of ${needed} negatives`;
    },
  },
  { title: "bin", of: (row) => row.bin, wide: true },
  { title: "scope", of: (row) => row.model.scope, wide: true },
  { title: "model digest", of: (row) => row.model.digest, wide: true },
];

/** One row for each model, segment and tag. */
export function listCuts(status: StatusView): CutRow[] {
  return status.models.flatMap((model) =>
    model.segments.flatMap((segment) =>
      Object.entries(segment.cuts).map(([tag, cut]) => ({
        model,
        segment: segment.name,
        tag,
        mode: segment.mode,
        share: segment.share,
        decisions: segment.decisions,
        ...cut,
      })),
    ),
  );
}

/** What is said only where there is something to say. */
function listOthers({ decider, refused }: StatusView): string[] {
  const counts = Object.entries(refused).filter(([, n]) => n > 0);
  const words = counts.map(([reason, n]) => `${reason} ${n}`);
  return [
    ...(decider === "" ? [] : [`decides: ${decider}`]),
    ...(words.length === 0 ? [] : [`calls refused: ${words.join(", ")}`]),
  ];
}

function describeTable({ state, tableDigest, serial, pushedAt }: StatusView): string {
  if (tableDigest === "") return "no table yet";
  const now = state === "off" ? "OFF (base state everywhere; limen on)" : "live";
  return `${now}, table ${tableDigest} serial ${serial}, pushed ${ago(pushedAt)}`;
}

/** A learner sees the numbers of a proxy's records in its own partitions only: what is missing
 * there may be seen in another. */
function describeLost({ decider, log: { lost, lostAtMost } }: StatusView): string {
  if (lost !== null) return `lost ${lostAtMost ? "at most " : ""}${lost}`;
  return `lost - (known to ${decider === "" ? "the process that decides" : decider})`;
}

/** What went through this process. */
function describeLog(status: StatusView): string[] {
  const { role, log } = status;
  const { decisions, lost, duplicates, rejected, dropped, appended } = log;
  if (role === "serve") return [];
  if (role === "collect") return [`appended ${appended}, rejected ${rejected}, dropped ${dropped}`];
  const rest = `duplicates ${duplicates}, rejected ${rejected}`;
  const where = lost === null ? " in its partitions" : "";
  const own = role === "all" ? `, dropped ${dropped}` : "";
  return [`decisions ${decisions}${where}, ${describeLost(status)}, ${rest}${own}`];
}

/** Rows where this process has any; where it has its part and no rows, why. */
function listParts(status: StatusView, format: Format): string[] {
  const { role, proxies, models } = status;
  const known = formatRows(proxies, proxyColumnsOf(status), format);
  const none = "no proxy has connected yet";
  return [
    ...(HANDS_OUT.includes(role) ? ["", proxies.length === 0 ? none : known] : []),
    ...(models.length > 0 ? ["", formatRows(listCuts(status), CUT_COLUMNS, format)] : []),
  ];
}

/** The whole service on one screen. */
export function formatStatus(status: StatusView, format: Format): string {
  if (format === "json" || format === "yaml") return formatRows([], [], format, status);
  const role = status.role === "all" ? "" : ` ${status.role}`;
  const lines = [
    `limen ${status.version}${role}: ${describeTable(status)}`,
    ...describeLog(status),
    ...listOthers(status),
    ...listParts(status, format),
  ];
  for (const model of status.models) {
    if (model.waiting !== null) lines.push("", `${model.name}: ${model.waiting}`);
  }
  return lines.join("\n");
}

export function addStatus(program: Command): void {
  program
    .command("status")
    .description("one screen: proxies, cuts, decisions, loss")
    .option("-w, --watch", "draw it anew each second")
    .addOption(outputOption(["table", "wide", "json", "yaml"]))
    .addHelpText("after", "\nExamples:\n  limen status -w\n  limen status -o json")
    .action(async (options: { watch?: boolean; output: Format }, command: Command) => {
      const server = serverOf(command);
      do {
        const text = formatStatus(
          await callService<StatusView>(server, "/v1/status"),
          options.output,
        );
        if (options.watch && process.stdout.isTTY) process.stdout.write("\x1b[H\x1b[2J");
        console.log(text);
        if (options.watch) await sleep(1_000);
      } while (options.watch);
    });
}
