import { type Command, InvalidArgumentError } from "commander";
import { openClient } from "../demo/client.ts";
import { type ReplayProgress, type ReplaySummary, replayRows } from "../demo/replay/replay.ts";
import { readRows } from "../demo/replay/rows.ts";
import { type Format, formatRows, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const CONNECTIONS = 16;
const PROGRESS_MS = 1_000;
const EXAMPLES = `
Examples:
  limen replay day.jsonl.gz --to http://127.0.0.1:10000
  limen replay day.jsonl --to http://127.0.0.1:10000 --rate 200 --limit 1000 -o json

Each line of the file is one request: {"method": "GET", "path": "/", "headers": {}, "body": ""}.
Answers of any status count as answers; the exit code is 1 when a request got none.`;

type Options = { to: URL; rate: number; limit: number; output: Format };

function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && ["http:", "https:"].includes(url.protocol)) return url;
  throw new InvalidArgumentError("a URL like http://127.0.0.1:10000");
}

function parseAmount(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("a number above 0");
}

/** A line a second: over itself on a terminal, one below the other elsewhere. */
function openProgress(): { show: (progress: ReplayProgress) => void; end: () => void } {
  let shown = performance.now();
  let open = false;
  const show = ({ requests, errors, seconds }: ReplayProgress): void => {
    if (performance.now() - shown < PROGRESS_MS) return;
    shown = performance.now();
    const rate = Math.round(requests / seconds);
    const line = `replay: ${requests} requests, ${rate}/s, ${errors} without an answer`;
    open = process.stderr.isTTY === true;
    process.stderr.write(open ? `\r\x1b[2K${line}` : `${line}\n`);
  };
  return { show, end: () => void (open && process.stderr.write("\r\x1b[2K")) };
}

function printSummary(summary: ReplaySummary, format: Format): void {
  const { requests, seconds, rate, latencyMs, statuses, errors } = summary;
  const ms = (value: number | null): string => (value === null ? "-" : `${value} ms`);
  const rows = [
    { what: "requests", value: String(requests) },
    ...Object.entries(statuses).map(([status, n]) => ({ what: `status ${status}`, value: `${n}` })),
    ...Object.entries(errors).map(([name, n]) => ({ what: `no answer: ${name}`, value: `${n}` })),
    { what: "time", value: `${seconds} s` },
    { what: "rate", value: `${rate}/s` },
    { what: "latency p50", value: ms(latencyMs.p50) },
    { what: "latency p99", value: ms(latencyMs.p99) },
  ];
  const columns = [
    { title: "what", of: (row: { what: string }) => row.what },
    { title: "value", of: (row: { value: string }) => row.value },
  ];
  console.log(formatRows(rows, columns as never, format, summary));
}

/** `limen replay FILE --to URL`: sends recorded requests and sums up the answers. */
export function addReplay(program: Command): void {
  program
    .command("replay")
    .description("Send the requests of a .jsonl or .jsonl.gz file to a server.")
    .argument("<file>", "requests, one JSON object a line")
    .requiredOption("--to <url>", "where to send them", parseTarget)
    .option(
      "--rate <n>",
      "requests a second at the most; without it as fast as answers come",
      parseAmount,
      0,
    )
    .option("--limit <n>", "stop after this many", parseAmount, Number.POSITIVE_INFINITY)
    .addOption(outputOption(["table", "json", "yaml"]))
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: Options) => {
      const client = openClient(options.to, CONNECTIONS);
      const progress = openProgress();
      try {
        const summary = await replayRows(readRows(resolvePath(file)), client, {
          rate: options.rate,
          inFlight: CONNECTIONS,
          limit: Math.ceil(options.limit),
          progress: progress.show,
        });
        progress.end();
        printSummary(summary, options.output);
        if (Object.keys(summary.errors).length > 0) process.exitCode = 1;
      } finally {
        progress.end();
        client.close();
      }
    });
}
