/** Kafka's own perf tools, as the ceiling of what this broker on this machine takes and gives. */
import { join } from "node:path";
import { runProgram } from "../../control/envoy/probe.ts";
import { getKafkaJars, needProgram } from "../../control/kafka/jars.ts";

const TIMEOUT_MS = 600_000;
const FLAGS = [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
] as const;

export type JavaTopic = { broker: string; topic: string; count: number };

async function runTool(name: string, args: readonly string[]): Promise<string> {
  const java = needProgram("java", process.env);
  const jars = await getKafkaJars({ set: "tools" });
  const all = [...FLAGS, "-cp", join(jars, "*"), `org.apache.kafka.tools.${name}`, ...args];
  const { code, stdout, stderr } = await runProgram(java, all, process.env, TIMEOUT_MS);
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr.slice(-400)}`);
  return stdout;
}

/** Records a second; `bytes` a record, batches of one partition up to `batchBytes`. */
export async function produceByJava(
  { broker, topic, count }: JavaTopic,
  bytes: number,
  batchBytes: number,
): Promise<number> {
  const settings = ["acks=all", "enable.idempotence=true", "linger.ms=5"];
  const said = await runTool("ProducerPerformance", [
    ...["--bootstrap-server", broker, "--topic", topic, "--throughput", "-1"],
    ...["--num-records", `${count}`, "--record-size", `${bytes}`],
    ...["--command-property", ...settings, `batch.size=${batchBytes}`],
  ]);
  // The last line sums up: "200000 records sent, 151285.9 records/sec (...)".
  const rate = /([\d.]+) records\/sec/.exec(said.trim().split("\n").at(-1) ?? "")?.[1];
  if (rate === undefined) throw new Error(`ProducerPerformance said: ${said.slice(-400)}`);
  return Number(rate);
}

/** Records a second from the first fetch on, joining the group left out. */
export async function consumeByJava({ broker, topic, count }: JavaTopic): Promise<number> {
  const said = await runTool("ConsumerPerformance", [
    ...["--bootstrap-server", broker, "--topic", topic, "--num-records", `${count}`],
  ]);
  const [head = "", row = ""] = said.trim().split("\n").slice(-2);
  const at = head.split(",").findIndex((name) => name.trim() === "fetch.nMsg.sec");
  const rate = Number(row.split(",")[at]);
  if (!(rate > 0)) throw new Error(`ConsumerPerformance said: ${said.slice(-400)}`);
  return rate;
}
