import { type Command, InvalidArgumentError, Option } from "commander";
import type { DemoLog } from "../demo/event-log.ts";
import { writePicture } from "../demo/picture.ts";
import { recordTraffic } from "../demo/record.ts";
import { runDemo } from "../demo/run.ts";
import { openScreen, type Screen } from "../demo/screen.ts";
import { areEnoughMet, listSeeds, runSeeds } from "../demo/seeds.ts";
import { type Format, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const REQUESTS = 20_000;
const SEED = 101;
/** Two cores carry it with room for everything else, and the label window is short beside it. */
const RATE = 340;
/** Exit code when the labels have holes. */
const UNCERTIFIABLE = 3;
const EXAMPLES = `
Examples:
  limen demo                                          about a minute, then it stays up
  limen demo --once --requests 20000 -o json          ends by itself; exit 0 when all held
  limen demo --once --picture demo.svg                draws the run: false positives and recall
  limen demo --once --label-missing 0.4               labels with holes certify nothing: exit 3
  limen demo --once --kafka                           the same with events in a real Kafka
  limen demo --seeds 20                               seeds 101 to 120, and how many pass
  limen demo --record live.csv --requests 20000       feature vectors with labels, for training

Exit codes: 0 all held, 1 something was not met, 2 usage, 3 the labels can certify nothing.`;

type Options = {
  once?: boolean;
  requests: number;
  seed: number;
  rate: number;
  port?: number;
  record?: string;
  seeds?: number;
  picture?: string;
  labelMissing: number;
  labelNoise: number;
  kafka?: boolean;
  brokers?: string;
  traffic: "train" | "live";
  bots: number;
  output: Format;
};

function parseWhole(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("a whole number");
}

function parsePort(text: string): number {
  const value = parseWhole(text);
  if (value >= 1 && value <= 65_535) return value;
  throw new InvalidArgumentError("a port from 1 to 65535");
}

function parseBrokers(text: string): string {
  if (/^[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$/.test(text)) return text;
  throw new InvalidArgumentError("HOST:PORT, several by commas");
}

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("a share from 0 to 1");
}

/** Aborts on the first Ctrl-C or request to end; the parts are then stopped in order. */
function listenForEnd(): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, end);
  return {
    signal: controller.signal,
    forget: () => {
      for (const name of names) process.off(name, end);
    },
  };
}

function printJson(options: Options, value: unknown): void {
  if (options.output === "json") console.log(JSON.stringify(value, null, 2));
}

async function record(file: string, options: Options, screen: Screen, signal: AbortSignal) {
  const { seed, requests, rate, traffic: mode, bots: botShare } = options;
  const where = resolvePath(file);
  await recordTraffic({ file: where, seed, requests, rate, mode, botShare }, screen, signal);
}

function chooseLog({ kafka, brokers }: Options): DemoLog {
  if (!kafka && brokers === undefined) return { kind: "sqlite" };
  return { kind: "kafka", brokers: brokers ?? null };
}

async function play(options: Options, screen: Screen, signal: AbortSignal): Promise<void> {
  const { seed, requests, rate, once = false, port = null, labelMissing, labelNoise } = options;
  const log = chooseLog(options);
  const plan = { seed, requests, rate, once, port, labelMissing, labelNoise, log };
  if (options.seeds !== undefined) {
    const results = await runSeeds(plan, listSeeds(options.seeds), screen, signal);
    printJson(options, results);
    if (!areEnoughMet(results)) process.exitCode = 1;
    return;
  }
  await runDemo(plan, screen, signal, ({ result, points }) => {
    if (options.picture !== undefined) writePicture(resolvePath(options.picture), points);
    printJson(options, result);
    if (result.failures.length > 0) process.exitCode = 1;
    if (result.uncertifiable !== null) process.exitCode = UNCERTIFIABLE;
  });
}

async function demo(options: Options): Promise<void> {
  const { signal, forget } = listenForEnd();
  // With -o json standard output holds the object alone.
  const screen = openScreen(options.output === "json" ? process.stderr : process.stdout);
  try {
    if (options.record === undefined) await play(options, screen, signal);
    else await record(options.record, options, screen, signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    process.exitCode = 130;
  } finally {
    forget();
  }
}

/** `limen demo`: the whole loop on a real Envoy, on this machine. */
export function addDemo(program: Command): void {
  program
    .command("demo")
    .description(
      "Show the whole loop on a real Envoy: score, label, certify, tag, survive a release.",
    )
    .option("--once", "end after the report; otherwise it stays up to be tried")
    .option("--requests <n>", "requests in all", parseWhole, REQUESTS)
    .option("--seed <n>", "the same seed sends the same requests", parseWhole, SEED)
    .option("--rate <n>", "requests a second at the most", parseWhole, RATE)
    .option("--port <n>", "Envoy's port on 127.0.0.1 (else 10000, or a free one)", parsePort)
    .option("--seeds <n>", "run seeds 101 to 100 + n one after another", parseWhole)
    .option("--picture <file>", "draw the run as SVG, its points beside it as JSON")
    .option("--label-missing <share>", "share of requests without a label", parseShare, 0)
    .option("--label-noise <share>", "share of labels that are wrong", parseShare, 0)
    .option("--kafka", "keep events in a real Kafka, started for the demo (Java 17, Maven)")
    .option("--brokers <list>", "keep events in this Kafka: HOST:PORT,HOST:PORT", parseBrokers)
    .option("--record <file>", "only record feature vectors with labels into a CSV file")
    .addOption(
      new Option("--traffic <kind>", "with --record: train leaves out the partner and some slips")
        .choices(["train", "live"])
        .default("live"),
    )
    .option("--bots <share>", "with --record: share of bots", parseShare, 0.1)
    .addOption(outputOption(["table", "json"]))
    .addHelpText("after", EXAMPLES)
    .action(demo);
}
