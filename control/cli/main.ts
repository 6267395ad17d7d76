import { Command, CommanderError } from "commander";
import { LimenError } from "../errors.ts";
import { addApply } from "./apply.ts";
import { addCompile } from "./compile.ts";
import { addCut } from "./cut.ts";
import { addDemo } from "./demo.ts";
import { addDoctor } from "./doctor.ts";
import { addEnvoy } from "./envoy.ts";
import { addExplain } from "./explain.ts";
import { addFeatures } from "./features.ts";
import { addGet } from "./get.ts";
import { addHistory } from "./history.ts";
import { addInstall } from "./install.ts";
import { addSwitch } from "./off-on.ts";
import { addReplay } from "./replay.ts";
import { addRun } from "./run.ts";
import { addScore } from "./score.ts";
import { addStatus } from "./status.ts";
import { addTable } from "./table.ts";
import { addVersion } from "./version.ts";

const EXAMPLES = `
Examples:
  limen demo                          the whole arrow on a real Envoy, on this machine
  limen run -f limen.yaml             the control service
  limen status -w                     proxies, cuts, decisions, loss; live
  limen compile models/bot            ONNX to table, with a report
  limen apply --set bot.mode=tag      change what proxies do
  limen off                           base state everywhere, until "limen on"

Exit codes: 0 ok, 1 failed, 2 usage, 3 inconclusive.`;

/** Words that name verbs of later versions, so that nobody takes them for a typing error. */
const LATER = [..."simulate promote rollback pause resume export completion".split(" ")];

/** The whole command line; nothing has run yet. */
export function buildProgram(): Command {
  const program = new Command("limen")
    .description("Scores every request in Envoy with your model and keeps the threshold right.")
    .option("--debug", "print stack traces with errors")
    .option("--server <url>", "the control service (or LIMEN_SERVER)", "http://127.0.0.1:18001")
    .option("--token-file <file>", "who you are to it (or LIMEN_TOKEN_FILE); off loopback")
    .option("--ca <file>", "the authority of its certificate, in PEM; for https")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(true)
    .enablePositionalOptions();
  addDemo(program);
  addRun(program);
  addInstall(program);
  addDoctor(program);
  addCompile(program);
  addTable(program);
  addExplain(program);
  addFeatures(program);
  addScore(program);
  addCut(program);
  addGet(program);
  addStatus(program);
  addApply(program);
  addSwitch(program);
  addHistory(program);
  addReplay(program);
  addVersion(program);
  addEnvoy(program);
  for (const verb of program.commands)
    verb.exitOverride().configureOutput({ outputError: () => undefined });
  return program;
}

/** Global options that take a value. */
const VALUED = ["--server", "--token-file", "--ca"];

/** No option, and no value of a global one. */
const isWord = (word: string, at: number, args: readonly string[]): boolean =>
  !word.startsWith("-") && !VALUED.includes(args[at - 1] ?? "");

/**
 * `--debug`, `--server URL` and the like may stand anywhere. They are moved to the front, because with `envoy`
 * everything after the verb is Envoy's.
 */
function hoistGlobals(args: readonly string[]): string[] {
  const verb = args.findIndex((word, at) => isWord(word, at, args));
  const own = args[verb] === "envoy" ? args.slice(0, verb) : args;
  const front: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < own.length; at++) {
    const word = own[at] ?? "";
    const isWhole = VALUED.some((name) => word.startsWith(`${name}=`));
    if (word === "--debug" || isWhole) front.push(word);
    else if (VALUED.includes(word)) front.push(word, own[++at] ?? "");
    else rest.push(word);
  }
  return [...front, ...rest, ...args.slice(own.length)];
}

/** The verb and the command below it that the words name, as far as there are such. */
function nameCommand(program: Command, words: readonly string[]): string[] {
  const names: string[] = [];
  let command: Command | undefined = program;
  for (const word of words) {
    command = command.commands.find((one) => one.name() === word);
    if (command === undefined) break;
    names.push(word);
  }
  return names;
}

function usageLine(program: Command, error: CommanderError, args: readonly string[]): string {
  const words = args.filter((word, at) => isWord(word, at, args));
  const verb = words[0] ?? "";
  if (error.code === "commander.unknownCommand" && LATER.includes(verb)) {
    return `limen: ${verb} is not in this version; "limen --help" lists what is`;
  }
  const isUnasked = error.code === "commander.help";
  const what = isUnasked
    ? `${verb}: give one of its commands`
    : error.message.replace(/^error: /, "").replace(/\n/g, " ");
  return `limen: ${what}; see "${["limen", ...nameCommand(program, words), "--help"].join(" ")}"`;
}

/**
 * Runs one command line and gives its exit code: 0 ok, 1 failed, 2 usage, 3 inconclusive.
 * Never throws; errors are one line on standard error, with the stack under --debug.
 */
export async function main(args: readonly string[]): Promise<number> {
  const program = buildProgram();
  try {
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync(hoistGlobals(args), { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      console.error(usageLine(program, thrown, args));
      return 2;
    }
    const error = LimenError.from(thrown, "limen");
    console.error(`limen: ${error.message}`);
    if (args.includes("--debug")) console.error(error.stack, error.cause ?? "");
    return error.exitCode;
  }
}
