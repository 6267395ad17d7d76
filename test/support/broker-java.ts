// Records written by Kafka's own Java client.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { LimenError } from "../../control/errors.ts";
import { getKafkaJars } from "../../control/kafka/jars.ts";
import { passBy } from "./pass-by.ts";

export type JavaOptions = {
  broker: string;
  topic: string;
  codec: string;
  values: readonly string[];
};

/** Writes each value as a record; false when the Java client cannot be had here. */
export async function writeByJava(options: JavaOptions): Promise<boolean> {
  const { broker, topic, codec, values } = options;
  let jars: string;
  try {
    jars = await getKafkaJars({ set: "tools" });
  } catch (thrown) {
    if (!(thrown instanceof LimenError) || thrown.code !== "missing") throw thrown;
    passBy(thrown.message);
    return false;
  }
  const tool = ["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker];
  const more = ["--topic", topic, "--compression-codec", codec, "--batch-size", "65536"];
  const flags = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
  const java = spawn("java", [...flags, "-cp", join(jars, "*"), ...tool, ...more], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  java.stderr.on("data", (chunk) => {
    said += chunk;
  });
  java.stdin.end(`${values.join("\n")}\n`);
  const code = await new Promise((resolve) => java.once("close", resolve));
  if (code !== 0) throw new Error(`the Java client ended with ${code}: ${said}`);
  return true;
}
