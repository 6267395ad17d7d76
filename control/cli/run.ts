import type { Command } from "commander";
import { readSettings } from "../settings.ts";
import { workFolder } from "./paths.ts";
import { addEnvoyFlags, type EnvoyFlags, runBeside } from "./run-envoy.ts";

/** Resolves with the name of the signal that asks the process to end. */
function waitForSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => resolve(signal));
  });
}

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .description("the control service: collects decisions, learns cuts, pushes tables")
    .option("-f, --file <limen.yaml>", "settings; without it every value is its default")
    .addHelpText(
      "after",
      "\nWithout a file: embedded event log ./limen.db, model models/bot (else the one that comes with" +
        "\nlimen) in shadow, loopback ports." +
        "\n\nExamples:\n  limen run\n  limen run -f limen.yaml\n  limen run --envoy",
    )
    .action(async (options: { file?: string } & EnvoyFlags) => {
      const settings = readSettings(options.file ?? null, workFolder());
      for (const line of settings.defaults) console.error(`default ${line}`);
      // The service brings gRPC and the models: no other verb should wait for that.
      const { startService } = await import("../service.ts");
      const service = await startService(settings, (line) => console.error(line));
      console.error(`serving xds on ${service.xds}, http on ${service.http}`);
      await runBeside(service, options, waitForSignal()).finally(() => service.close());
    });
  addEnvoyFlags(command);
}
