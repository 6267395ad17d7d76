import { type Command, InvalidArgumentError } from "commander";
import { isTokenText } from "../collect/token.ts";
import { LimenError } from "../errors.ts";
import { type RequestAsk, readAsk, readRequestAsk } from "../explain/ask.ts";
import { explainRequest } from "../explain/request.ts";
import { writeExplained } from "../explain/text.ts";
import type { Explained } from "../explain/view.ts";
import { createScorer } from "../scorer.ts";
import { describeTable } from "../table/describe.ts";
import { readFile } from "../table/vectors.ts";
import { callService, READING_MS, serverOf } from "./client.ts";
import { type Format, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const EXAMPLES = `
Examples:
  limen explain last                                   the newest decision
  limen explain 5a1f07a2-6d1c-4bd5-b0f0-2c1e64b0c5e1   by x-request-id
  limen explain AQABAAcAAAA...                         by the value of x-limen-decision
  limen explain 'GET /checkout' -H 'user-agent: okhttp/4' -H 'accept: */*'
  limen explain 'GET /' --table bot.table              without a service
  limen explain --bad --since 1h -o json

A request in quotes is not sent: it is scored with the live table, by the same core as in the proxy.
Feature values of a recorded decision are there when its record carries them (keep.vectors).`;

type Pair = [string, string];
type Options = {
  header?: Pair[];
  table?: string;
  bad?: boolean;
  since?: string;
  output: Format;
};

/** One header more, for an option that may be repeated. */
export function collectHeader(text: string, before: Pair[] = []): Pair[] {
  const at = text.indexOf(":");
  if (at < 1) throw new InvalidArgumentError("'name: value', as in -H 'accept: text/html'");
  return [...before, [text.slice(0, at).trim(), text.slice(at + 1).trim()]];
}

const REQUEST = /^(\S+)\s+([/*]\S*)$/;

/** The request in a text like 'GET /path'; null when it is none. */
export function readRequestText(text: string, headers: readonly Pair[]): RequestAsk | null {
  const [, method = "", path] = REQUEST.exec(text.trim()) ?? [];
  if (path === undefined) return null;
  return readRequestAsk({ method: method.toUpperCase(), path, headers });
}

/** What is asked about a recorded decision, as the query of GET /v1/explain. */
function queryOf(what: string): string {
  if (what === "last") return "last";
  const name = isTokenText(what) ? "token" : "id";
  return `${name}=${encodeURIComponent(what)}`;
}

function explainHere(ask: RequestAsk, file: string): Explained {
  const bytes = readFile(resolvePath(file), file);
  const table = { bytes, names: describeTable(bytes), pushed: null };
  return explainRequest(ask, table, createScorer(), Date.now());
}

/** Words that do not go together. */
function checkWords(what: string | undefined, options: Options, ask: RequestAsk | null): void {
  const wrong = (text: string): LimenError =>
    new LimenError("usage", `explain: ${text}; see "limen explain --help"`);
  if (options.bad ? what !== undefined : what === undefined) {
    throw wrong("give one of ID, TOKEN, last, 'METHOD /path', or --bad");
  }
  if (options.since !== undefined && !options.bad) throw wrong("--since goes with --bad");
  if (ask !== null) return;
  if (options.header !== undefined) throw wrong("-H goes with 'METHOD /path'");
  if (options.table !== undefined) throw wrong("--table goes with 'METHOD /path'");
}

async function findAnswer(
  what: string | undefined,
  options: Options,
  command: Command,
): Promise<Explained> {
  const ask = what === undefined ? null : readRequestText(what, options.header ?? []);
  checkWords(what, options, ask);
  if (ask !== null && options.table !== undefined) return explainHere(ask, options.table);
  const server = serverOf(command);
  if (ask !== null) {
    const { kind: _kind, ...body } = ask;
    return callService<Explained>(server, "/v1/explain", body, READING_MS);
  }
  const since = encodeURIComponent(options.since ?? "1h");
  const query = options.bad ? `bad&since=${since}` : queryOf(what ?? "last");
  // A duration that is none is said before anybody is asked.
  readAsk(new URLSearchParams(query));
  return callService<Explained>(server, `/v1/explain?${query}`, undefined, READING_MS);
}

/** `limen explain`. */
export function addExplain(program: Command): void {
  program
    .command("explain")
    .description("why a request was decided so, or what a request would get")
    .argument("[what]", "request id, token, last, or 'METHOD /path'")
    .option("-H, --header <name: value>", "a header of the request; may be repeated", collectHeader)
    .option("--table <file>", "score with this table instead of the live one; needs no service")
    .option("--bad", "decisions that went wrong, by whose fault")
    .option("--since <time>", "with --bad: how far back, as 30m, 1h, 7d (default 1h)")
    .addOption(outputOption(["table", "json"]))
    .addHelpText("after", EXAMPLES)
    .action(async (what: string | undefined, options: Options, command: Command) => {
      const view = await findAnswer(what, options, command);
      const isJson = options.output === "json";
      console.log(isJson ? JSON.stringify(view, null, 2) : writeExplained(view));
    });
}
