import { userInfo } from "node:os";
import type { Command } from "commander";
import type { ApplyAnswer } from "../api/views.ts";
import { formatAnswer } from "./apply.ts";
import { callService, serverOf } from "./client.ts";

const SAYS = {
  off: "base state on every proxy at once; survives restarts and holds learning until on",
  on: "back from off: the table that was live before it",
} as const;

export function addSwitch(program: Command): void {
  for (const verb of ["off", "on"] as const) {
    program
      .command(verb)
      .description(SAYS[verb])
      .option("-o, --output <format>", "table or json", "table")
      .addHelpText("after", `\nExample:\n  limen ${verb}`)
      .action(async (options: { output: string }, command: Command) => {
        const answer = await callService<ApplyAnswer>(serverOf(command), `/v1/${verb}`, {
          by: userInfo().username,
        });
        console.log(
          options.output === "json" ? JSON.stringify(answer) : formatAnswer(answer, verb),
        );
      });
  }
}
