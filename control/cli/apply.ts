import { userInfo } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import type { ApplyAnswer } from "../api/views.ts";
import { LimenError } from "../errors.ts";
import { callService, serverOf } from "./client.ts";

export type Sets = Readonly<Record<string, string>>;

/** One KEY=VALUE more, for an option that may be repeated. */
export function collectSet(text: string, before: Sets = {}): Sets {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("KEY=VALUE, as in bot/checkout.cut=0.61");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** One line of what a change did. */
export function formatAnswer(answer: ApplyAnswer, verb: string): string {
  if (!answer.changed) return `${verb}: nothing to change, table ${answer.tableDigest} stays`;
  return `${verb}: table ${answer.tableDigest} serial ${answer.serial} (${answer.note})`;
}

export function addApply(program: Command): void {
  program
    .command("apply")
    .description("change modes, cuts and objectives")
    .option("--set <key=value>", "MODEL[/SEGMENT][.TAG].KEY=VALUE; may be repeated", collectSet)
    .option("--dry-run", "check and show, change nothing")
    .option("-o, --output <format>", "table or json", "table")
    .addHelpText(
      "after",
      "\nKeys: mode (off, shadow, tag), audit (0-1), cut (a score 0-1, or bin:N), objective, scope." +
        "\n\nExamples:\n  limen apply --set bot.mode=tag\n  limen apply --set bot/checkout.cut=0.61 --dry-run",
    )
    .action(async (options: { set?: Sets; dryRun?: boolean; output: string }, command: Command) => {
      if (!options.set)
        throw new LimenError("usage", 'apply: give --set KEY=VALUE; see "limen apply --help"');
      const answer = await callService<ApplyAnswer>(serverOf(command), "/v1/apply", {
        set: options.set,
        by: userInfo().username,
        dryRun: options.dryRun ?? false,
      });
      console.log(
        options.output === "json" ? JSON.stringify(answer) : formatAnswer(answer, "apply"),
      );
    });
}
