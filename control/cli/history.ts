import type { Command } from "commander";
import type { HistoryView } from "../api/views.ts";
import { callService, serverOf } from "./client.ts";
import { type Column, type Format, formatRows, outputOption } from "./output.ts";

const COLUMNS: readonly Column<HistoryView>[] = [
  { title: "n", of: (event) => event.n },
  { title: "at", of: (event) => new Date(event.at).toISOString() },
  { title: "what", of: (event) => event.what },
  { title: "table", of: (event) => event.tableDigest || null },
  { title: "by", of: (event) => event.by },
  { title: "why", of: (event) => event.why },
  { title: "ms", of: (event) => event.ms?.toFixed(1) ?? null },
  { title: "serial", of: (event) => event.serial, wide: true },
  { title: "resource", of: (event) => event.resourceDigest || null, wide: true },
  { title: "node", of: (event) => event.node ?? null, wide: true },
];

export function addHistory(program: Command): void {
  program
    .command("history")
    .description("what was proposed, refused, pushed and acknowledged, by whom and why")
    .option("--since <n>", "events from this number on", "0")
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  limen history\n  limen history --since 40 -o json")
    .action(async (options: { since: string; output: Format }, command: Command) => {
      const path = `/v1/history?since=${encodeURIComponent(options.since)}`;
      const { events } = await callService<{ events: HistoryView[] }>(serverOf(command), path);
      console.log(formatRows(events, COLUMNS, options.output));
    });
}
