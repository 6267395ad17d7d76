import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import { resolveEnvoy } from "../envoy/resolve.ts";

const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs a program in place of this one: its terminal, its signals, its exit code. */
function runInPlace(path: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [...args], { stdio: "inherit" });
    const handlers = PASSED_ON.map((name) => [name, () => void child.kill(name)] as const);
    for (const [name, handler] of handlers) process.on(name, handler);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      for (const [name, handler] of handlers) process.off(name, handler);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** `limen envoy ARGS`: the Envoy that Limen would use, with all arguments passed on to it. */
export function addEnvoy(program: Command): void {
  program
    .command("envoy")
    .description("Run the Envoy that Limen would use; all arguments go to it.")
    .argument("[args...]", "arguments for Envoy, for example --version")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const { path } = await resolveEnvoy();
      process.exitCode = await runInPlace(path, args);
    });
}
