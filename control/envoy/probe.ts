import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export type Output = { code: number; stdout: string; stderr: string };

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Runs a program to its end; one that cannot be started has code 127. */
export function runProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<Output> {
  return new Promise((resolve) => {
    execFile(
      file,
      [...args],
      { env, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, encoding: "utf8" },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
        resolve({ code, stdout, stderr: stderr || (error?.message ?? "") });
      },
    );
  });
}

/** Why a path cannot be run as a program, or null when it can. */
export function refuseProgram(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return "does not exist";
  if (!stat.isFile()) return "is not a file";
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return "is not executable";
  }
  return null;
}

/** First program of that name on PATH. */
export function findOnPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const { PATH = "" } = env;
  const folders = PATH.split(delimiter).filter((folder) => folder !== "");
  const found = folders.map((folder) => join(folder, name)).find((path) => !refuseProgram(path));
  return found ?? null;
}

/** A cold binary of 100 MB on a busy disk takes seconds to answer. */
const VERSION_TIMEOUT_MS = 30_000;

/** The version an Envoy says it is (`envoy  version: HASH/1.40.0/Clean/...`), else null. */
export async function readEnvoyVersion(
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<string | null> {
  const { code, stdout } = await runProgram(path, ["--version"], env, VERSION_TIMEOUT_MS);
  const match = /version: [^/\s]+\/(\d+\.\d+\.\d+)/.exec(stdout);
  return code === 0 && match?.[1] ? match[1] : null;
}
