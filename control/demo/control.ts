import { join } from "node:path";
import { type Child, startChild, waitForChild } from "./child.ts";

/** The control service of the demo: a process of its own, so that it can be killed. */
export type Control = {
  server: string;
  child(): Child;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same log, ports and settings. */
  restart(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
};

const LIMEN = join(import.meta.dirname, "..", "cli", "limen.js");
const READY_MS = 30_000;
const PROBE_MS = 2_000;

async function answers(server: string): Promise<boolean> {
  try {
    return (await fetch(`${server}/v1/status`, { signal: AbortSignal.timeout(PROBE_MS) })).ok;
  } catch {
    return false;
  }
}

/** Starts `limen run -f FILE` in a folder and waits until it answers. */
export async function startControl(
  folder: string,
  file: string,
  server: string,
  signal: AbortSignal,
): Promise<Control> {
  const start = async (): Promise<Child> => {
    const child = startChild({
      name: "the control service",
      file: process.execPath,
      args: [LIMEN, "run", "-f", file],
      cwd: folder,
      logFile: join(folder, "control.log"),
    });
    try {
      await waitForChild(child, () => answers(server), READY_MS, signal);
    } catch (thrown) {
      await child.stop();
      throw thrown;
    }
    return child;
  };
  let child = await start();
  return {
    server,
    child: () => child,
    kill: () => child.kill(),
    restart: async () => {
      child = await start();
    },
    stop: () => child.stop(),
  };
}
