import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { stringify } from "yaml";
import type { StatusView } from "../api/views.ts";
import { type DumpedProxy, readDump, readStats, type Stats } from "../doctor/dump.ts";
import { DEFAULT_FILTER, type Evidence, examine, worstOf } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";
import type { ProbeResult } from "../doctor/probe.ts";
import { sendProbes } from "../doctor/send-probe.ts";
import type { Address } from "../envoy/bootstrap.ts";
import { LimenError } from "../errors.ts";
import type { Explained, ExplainedDecision } from "../explain/view.ts";
import { readSettings } from "../settings.ts";
import { addressOption } from "./address.ts";
import { callService, serverOf } from "./client.ts";
import { collectHeader } from "./explain.ts";
import { type Format, outputOption, wrapText } from "./output.ts";
import { resolvePath, workFolder } from "./paths.ts";

const ADMIN: Address = { host: "127.0.0.1", port: 9_901 };
const ADMIN_MS = 10_000;
/** Tagged by most models of scripts, so that a tag can be seen. */
const SCRIPT: readonly [string, string][] = [
  ["user-agent", "python-requests/2.32"],
  ["accept", "*/*"],
];
const EXAMPLES = `
Examples:
  limen doctor                                            Envoy's admin on 127.0.0.1:9901, and the service
  limen doctor --probe http://127.0.0.1:10000/            also sends four requests through the proxy
  kubectl exec POD -c istio-proxy -- curl -s localhost:15000/config_dump > dump.json
  limen doctor --config-dump dump.json --stats stats.txt --no-service
  limen doctor --kafka -f limen.yaml --no-proxy           the topics of the event log

Exit code 0 when nothing fails, 1 when something does; warnings and what was skipped do not fail.`;

type Options = {
  admin: Address;
  configDump?: string;
  stats?: string;
  proxy: boolean;
  service: boolean;
  filter: string;
  probe?: string;
  header?: [string, string][];
  kafka?: boolean;
  file?: string;
  output: Format;
};

function readText(path: string): string {
  try {
    return readFileSync(resolvePath(path), "utf8");
  } catch (thrown) {
    throw new LimenError("missing", `${path}: cannot be read; save Envoy's page there`, thrown);
  }
}

type ProxyEvidence = Pick<Evidence, "proxy" | "stats">;

async function askAdmin({ host, port }: Address): Promise<ProxyEvidence> {
  const base = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(ADMIN_MS) });
    return answer.text();
  };
  try {
    const [dump, stats] = [await ask("/config_dump"), await ask("/stats")];
    return { proxy: readDump(dump, `${base}/config_dump`), stats: readStats(stats) };
  } catch (thrown) {
    if (thrown instanceof LimenError) {
      return { proxy: { down: `${base} answers, and is no Envoy admin interface` }, stats: null };
    }
    return { proxy: { down: `no Envoy admin interface answers at ${base}` }, stats: null };
  }
}

async function readProxy(options: Options): Promise<ProxyEvidence> {
  const { configDump, stats, proxy, admin } = options;
  if (stats !== undefined && configDump === undefined) {
    throw new LimenError("usage", "--stats goes with --config-dump; --admin reads both");
  }
  if (!proxy) return { proxy: null, stats: null };
  if (configDump === undefined) return askAdmin(admin);
  const dumped: DumpedProxy = readDump(readText(configDump), configDump);
  const counted: Stats | null = stats === undefined ? null : readStats(readText(stats));
  return { proxy: dumped, stats: counted };
}

async function readStatus(server: string): Promise<Evidence["status"]> {
  try {
    return await callService<StatusView>(server, "/v1/status");
  } catch (thrown) {
    return { down: LimenError.from(thrown, "status").message };
  }
}

/** Null while there is no such record; other errors too, for the probe has its own findings. */
async function explain(server: string, id: string): Promise<ExplainedDecision | null> {
  const path = `/v1/explain?id=${encodeURIComponent(id)}`;
  const view = await callService<Explained>(server, path).catch(() => null);
  return view?.kind === "decision" ? view : null;
}

async function probe(
  options: Options,
  status: Evidence["status"],
  server: string,
): Promise<ProbeResult | null> {
  if (options.probe === undefined) return null;
  if (!URL.canParse(options.probe) || !/^https?:/.test(options.probe)) {
    throw new LimenError(
      "usage",
      `--probe ${options.probe}: give a URL like http://127.0.0.1:10000/`,
    );
  }
  const known = status && !("down" in status) ? status : null;
  const names = known?.models.map(({ name }) => name) ?? ["bot"];
  return sendProbes({
    url: options.probe,
    headers: options.header ?? SCRIPT,
    forge: names.map((name) => `x-limen-${name}`),
    explain: known ? (id) => explain(server, id) : null,
  });
}

async function examineKafka(options: Options): Promise<Finding[]> {
  const settings = readSettings(options.file ?? null, workFolder());
  if (settings.log.kind !== "kafka") {
    throw new LimenError("usage", "--kafka: give settings with log: kafka://HOST:PORT by -f");
  }
  const { readTopicFacts } = await import("../events/kafka-topics.ts");
  const { checkTopics } = await import("../doctor/kafka.ts");
  return checkTopics(await readTopicFacts(settings.log), settings);
}

const WORDS = { ok: "ok", warn: "warn", fail: "FAIL", skipped: "skip" } as const;

/** Narrower than this there is no room beside the names of the checks. */
const TEXT_COLUMNS_MIN = 40;

/** What was seen of each, and under it what to do; no wider than the terminal. */
export function writeFindings(
  findings: readonly Finding[],
  columns = Number.POSITIVE_INFINITY,
): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, seen, todo }) => {
    const head = `${WORDS[state].padEnd(4)}  ${check.padEnd(width)}  `;
    const below = " ".repeat(head.length);
    const room = Math.max(TEXT_COLUMNS_MIN, columns - head.length);
    const what = wrapText(seen, room).map((line, at) => `${at === 0 ? head : below}${line}`);
    const hasTodo = todo !== "" && state !== "ok";
    const then = hasTodo ? wrapText(todo, room - 3) : [];
    return [...what, ...then.map((line, at) => `${below}${at === 0 ? "->" : "  "} ${line}`)];
  });
  const count = (state: Finding["state"]): number =>
    findings.filter((each) => each.state === state).length;
  const warnings = count("warn") === 1 ? "1 warning" : `${count("warn")} warnings`;
  const total = `${count("fail")} failed, ${warnings}, ${count("skipped")} skipped, ${count("ok")} ok`;
  return [...lines, "", total].join("\n");
}

async function runDoctor(options: Options, command: Command): Promise<void> {
  const server = serverOf(command);
  const before = options.service ? await readStatus(server) : null;
  const sent = await probe(options, before, server);
  // Asked again: the records of the probe have come in.
  const status = sent && before ? await readStatus(server) : before;
  const seen = await readProxy(options);
  const { filter } = options;
  const findings = [
    ...examine({ filter, ...seen, status, probe: sent, now: Date.now() }),
    ...(options.kafka ? await examineKafka(options) : []),
  ];
  const whole = { worst: worstOf(findings), findings };
  const write = {
    json: () => JSON.stringify(whole, null, 2),
    yaml: () => stringify(whole).trimEnd(),
  };
  const { output } = options;
  console.log(
    output === "json" || output === "yaml"
      ? write[output]()
      : writeFindings(findings, process.stdout.columns),
  );
  if (whole.worst === "fail") process.exitCode = 1;
}

/** `limen doctor`. */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("what is wrong between proxy and service, and what to do")
    .addOption(addressOption("--admin", "Envoy's admin interface", ADMIN))
    .option("--config-dump <file>", "a saved /config_dump instead")
    .option("--stats <file>", "with --config-dump: a saved /stats")
    .option("--no-proxy", "ask no proxy")
    .option("--no-service", "ask no service")
    .option("--filter <name>", "the filter's name in the chain", DEFAULT_FILTER)
    .option("--probe <url>", "send four requests there, one with forged tags")
    .option("-H, --header <name: value>", "a header of the probe; may be repeated", collectHeader)
    .option("--kafka", "compare the topics of the event log with those that must be")
    .option("-f, --file <limen.yaml>", "with --kafka: the settings")
    .addOption(outputOption(["table", "json", "yaml"]))
    .addHelpText("after", EXAMPLES)
    .action(runDoctor);
}
