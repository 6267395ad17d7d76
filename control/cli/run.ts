import { Argument, type Command } from "commander";
import { LimenError } from "../errors.ts";
import { readSettings, type Settings } from "../settings.ts";
import { workFolder } from "./paths.ts";
import { addEnvoyFlags, type EnvoyFlags, runBeside } from "./run-envoy.ts";

/** Resolves with the name of the signal that asks the process to end. */
function waitForSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => resolve(signal));
  });
}

const ROLES = ["collect", "learn", "serve"] as const;
type Part = (typeof ROLES)[number];

function checkRole(role: Part | undefined, { log }: Settings, hasEnvoy: boolean): void {
  if (role === undefined) return;
  if (hasEnvoy) {
    throw new LimenError("usage", `run ${role} --envoy: an Envoy needs all roles; leave out one`);
  }
  if (log.kind === "kafka") return;
  const text = `run ${role}: roles apart need a log that processes can share`;
  throw new LimenError("usage", `${text}; set log: kafka://HOST:PORT, or run all in one process`);
}

export function addRun(program: Command): void {
  const command = program
    .command("run")
    .description("the control service: collects decisions, learns cuts, pushes tables")
    .addArgument(
      new Argument("[role]", "one role of it; without it all in one process").choices(ROLES),
    )
    .option("-f, --file <limen.yaml>", "settings; without it every value is its default")
    .addHelpText(
      "after",
      "\nWithout a file: embedded event log ./limen.db, model models/bot (else the one that comes with" +
        "\nlimen) in shadow, loopback ports." +
        "\n\nRoles apart share a Kafka log, and there may be several of each:" +
        "\n  collect  takes access logs and labels into the log" +
        "\n  learn    counts and joins; one of them decides and publishes tables" +
        "\n  serve    hands the live table to proxies" +
        "\n\nExamples:\n  limen run\n  limen run -f limen.yaml\n  limen run serve -f limen.yaml\n  limen run --envoy",
    )
    .action(async (role: Part | undefined, options: { file?: string } & EnvoyFlags) => {
      const settings = readSettings(options.file ?? null, workFolder());
      checkRole(role, settings, options.envoy === true);
      for (const line of settings.defaults) console.error(`default ${line}`);
      // The service brings gRPC and the models: no other verb should wait for that.
      const { startService } = await import("../service.ts");
      const service = await startService(settings, (line) => console.error(line), role);
      const grpc = { all: "xds", serve: "xds", collect: "access log", learn: "" }[role ?? "all"];
      const first = grpc === "" ? "" : `${grpc} on ${service.xds}, `;
      console.error(`serving ${first}http on ${service.http}`);
      await runBeside(service, options, waitForSignal()).finally(() => service.close());
    });
  addEnvoyFlags(command);
}
