import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";

export type ChildOptions = {
  /** As people call it in errors. */
  name: string;
  file: string;
  args: readonly string[];
  cwd: string;
  /** Its output goes to the end of this file. */
  logFile: string;
};

export type Child = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Whether it ended by itself or by a signal. */
  ended(): boolean;
  /** SIGKILL: no chance to say goodbye. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL after a while. */
  stop(): Promise<void>;
};

const STOP_MS = 5_000;
const READY_POLL_MS = 50;

/** Starts a program with its output in a file. */
export function startChild(options: ChildOptions): Child {
  const { name, file, args, cwd, logFile } = options;
  const log = openSync(logFile, "a");
  const child: ChildProcess = spawn(file, [...args], { cwd, stdio: ["ignore", log, log] });
  closeSync(log);
  let over = false;
  const exit = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true;
      resolve();
    };
    child.once("exit", end);
    child.once("error", end);
  });
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (!over) child.kill(signal);
    await exit;
  };
  const stop = async (): Promise<void> => {
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await end("SIGTERM");
    clearTimeout(late);
  };
  return {
    name,
    pid: child.pid ?? 0,
    logFile,
    ended: () => over,
    kill: () => end("SIGKILL"),
    stop,
  };
}

/** The last lines a program wrote, on one line. */
function readLastLines(file: string): string {
  const lines = readFileSync(file, "utf8").trim().split("\n").slice(-3);
  return lines.join(" | ").slice(-600);
}

/** Resolves once `isReady` says so; throws when the program ends first or takes too long. */
export async function waitForChild(
  child: Child,
  isReady: () => Promise<boolean>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await isReady())) {
    signal?.throwIfAborted();
    const late = performance.now() > until;
    if (child.ended() || late) {
      const what = late ? `is not ready after ${timeoutMs / 1000} s` : "ended while starting";
      const said = readLastLines(child.logFile);
      throw new LimenError("unavailable", `${child.name} ${what}; it said: ${said || "nothing"}`);
    }
    await sleep(READY_POLL_MS);
  }
}
