import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findOnPath, runProgram } from "../envoy/probe.ts";
import { LimenError } from "../errors.ts";
import { INSTALLATION, placeCache } from "../installation.ts";

/** The version every test and the demo runs on. */
export const KAFKA_VERSION = "4.3.1";
/** 56 MB over a slow line. */
const MAVEN_TIMEOUT_MS = 600_000;
/** Pinned, as the jars are: the plugin decides how they are laid out. */
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

export type JarOptions = {
  /** `broker` runs a broker, `tools` has Kafka's own programs and its Java client. */
  set: "broker" | "tools";
  /** Where downloads stay; the checkout's or the user's cache folder unless said. */
  cacheFolder?: string;
  env?: NodeJS.ProcessEnv;
  /** Takes one line for the person who waits for a download. */
  say?: (line: string) => void;
};

const pomOf = (set: JarOptions["set"]): string =>
  join(import.meta.dirname, set === "tools" ? "tools" : ".", "pom.xml");

/** Names of jars and their SHA-256 as committed. */
async function readSums(set: JarOptions["set"]): Promise<Map<string, string>> {
  const text = await readFile(pomOf(set).replace(/\.xml$/, ".sha256"), "utf8");
  const lines = text.trim().split("\n");
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** The first thing wrong with the jars of a folder, or null. */
export async function findJarFault(
  folder: string,
  sums: ReadonlyMap<string, string>,
): Promise<string | null> {
  const found = await readdir(folder);
  const extra = found.find((name) => !sums.has(name));
  if (extra !== undefined) return `${extra} is not in the list`;
  for (const [name, sum] of sums) {
    if (!found.includes(name)) return `${name} is missing`;
    const digest = createHash("sha256").update(await readFile(join(folder, name)));
    if (digest.digest("hex") !== sum) return `${name} has another SHA-256`;
  }
  return null;
}

/** The path of a program on PATH; throws "missing" with what to install. */
export function needProgram(name: "java" | "mvn", env: NodeJS.ProcessEnv): string {
  const found = findOnPath(name, env);
  if (found) return found;
  const what = name === "java" ? "Java 17 or newer" : "Maven 3.8 or newer";
  const debian = name === "java" ? "openjdk-17-jre-headless" : "maven";
  throw new LimenError(
    "missing",
    `${name} is not on PATH, and a Kafka broker of our own needs it; install ${what} (Debian: apt install ${debian}), or name brokers that run already`,
  );
}

async function download(options: JarOptions, cacheFolder: string, folder: string): Promise<void> {
  const { set, env = process.env, say = () => undefined } = options;
  const maven = needProgram("mvn", env);
  say(`getting Kafka ${KAFKA_VERSION} (${set}, about 50 MB) by Maven, once`);
  await mkdir(dirname(folder), { recursive: true });
  const part = await mkdtemp(`${folder}.part-`);
  try {
    const args = ["-q", "-B", "-U", "-f", pomOf(set), COPY, "-DincludeScope=runtime"];
    const places = [
      `-Dmaven.repo.local=${join(cacheFolder, "maven")}`,
      `-DoutputDirectory=${part}`,
    ];
    const output = await runProgram(maven, [...args, ...places], env, MAVEN_TIMEOUT_MS);
    if (output.code !== 0) {
      const said = `${output.stdout}\n${output.stderr}`.split("\n");
      const why = said.find((line) => line.startsWith("[ERROR]")) ?? said.at(-1) ?? "";
      throw new LimenError(
        "unavailable",
        `mvn could not get Kafka's jars: ${why.slice(0, 300)}; look at the repository Maven uses`,
      );
    }
    const fault = await findJarFault(part, await readSums(set));
    if (fault !== null) {
      throw new LimenError(
        "refused",
        `Kafka's jars differ from ${pomOf(set).replace(/\.xml$/, ".sha256")}: ${fault}; they were thrown away; look at the repository Maven uses`,
      );
    }
    // Another process may have been faster: its folder is as good.
    if (!existsSync(folder)) await rename(part, folder).catch(() => undefined);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** The folder with the jars, got by Maven once and checked against the committed list each time. */
export async function getKafkaJars(options: JarOptions): Promise<string> {
  const cacheFolder = options.cacheFolder ?? placeCache(INSTALLATION, options.env ?? process.env);
  const folder = join(cacheFolder, `kafka-${KAFKA_VERSION}`, options.set);
  if (!existsSync(folder)) await download(options, cacheFolder, folder);
  const fault = await findJarFault(folder, await readSums(options.set));
  if (fault === null) return folder;
  throw new LimenError("refused", `${folder}: ${fault}; remove the folder, it is got again`);
}
