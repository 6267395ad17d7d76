import { type Command, InvalidArgumentError, Option } from "commander";
import { stringify } from "yaml";
import { PARTITIONS_DEFAULT, renderCommands, renderStrimzi } from "../events/topics.ts";
import { buildTopics, checkBrokers } from "../install/kafka.ts";
import { checkDnsLabel } from "../install/names.ts";
import { readSettings } from "../settings.ts";
import { workFolder } from "./paths.ts";

const EXAMPLES = `
Examples:
  limen install kafka --brokers b1:9092,b2:9092 --replication 3 | sh     Kafka's own scripts
  limen install kafka -f limen.yaml                                      brokers, prefix, keep from it
  limen install kafka -o strimzi --cluster events | kubectl apply -f -   KafkaTopic resources

The number of partitions is for ever: keys would move. One learner works on one or more of them, so
it is also how many learners can share the work.`;

type Options = {
  file?: string;
  brokers?: string;
  partitions: number;
  replication: number;
  minInsync?: number;
  prefix?: string;
  cluster: string;
  output: "commands" | "strimzi" | "json" | "yaml";
};

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a whole number from 1 on");
}

/** Of a limen.yaml, or of the defaults: how long and how much is kept, and the Kafka it names. */
function readFrom(options: Options) {
  const settings = readSettings(options.file ?? null, workFolder());
  const kafka = settings.log.kind === "kafka" ? settings.log : null;
  return {
    brokers: checkBrokers(options.brokers ?? kafka?.brokers.join(",") ?? "localhost:9092"),
    prefix: options.prefix ?? kafka?.prefix ?? "",
    keepMs: settings.keep.decisionsMs,
    diskBytes: settings.keep.diskBytes,
  };
}

function runInstallKafka(options: Options): void {
  const { partitions, replication, output } = options;
  const { brokers, ...kept } = readFrom(options);
  const minInsync = options.minInsync ?? Math.max(1, replication - 1);
  const topics = buildTopics({ partitions, replication, minInsync, ...kept });
  const write = {
    commands: () => renderCommands(topics, brokers),
    strimzi: () => renderStrimzi(topics, checkDnsLabel("--cluster", options.cluster)),
    json: () => `${JSON.stringify({ topics }, null, 2)}\n`,
    yaml: () => stringify({ topics }),
  };
  process.stdout.write(write[output]());
}

/** `limen install kafka`. */
export function addInstallKafka(install: Command): void {
  install
    .command("kafka")
    .description("the topics that Limen needs")
    .option("-f, --file <limen.yaml>", "settings; without it every value is its default")
    .option("--brokers <list>", "HOST:PORT,HOST:PORT for the commands")
    .option(
      "--partitions <count>",
      "of decisions, labels and counts",
      parseCount,
      PARTITIONS_DEFAULT,
    )
    .option("--replication <count>", "copies of each partition", parseCount, 1)
    .option("--min-insync <count>", "copies an append waits for (default: all but one)", parseCount)
    .option("--prefix <text>", "before the name of each topic")
    .option("--cluster <name>", "with -o strimzi: the Kafka they belong to", "kafka")
    .addOption(
      new Option("-o, --output <format>", "how to print")
        .choices(["commands", "strimzi", "json", "yaml"])
        .default("commands"),
    )
    .addHelpText("after", EXAMPLES)
    .action(runInstallKafka);
}
