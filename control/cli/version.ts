import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import * as layout from "../../models/table-layout.ts";

/** The version in package.json, above this file wherever it is installed. */
export function packageVersion(): string {
  const file = join(import.meta.dirname, "..", "..", "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

export function addVersion(program: Command): void {
  program
    .command("version")
    .description("versions of Limen, Node and the table layout")
    .option("-o, --output <format>", "table or json", "table")
    .addHelpText("after", "\nExample:\n  limen version -o json")
    .action((options: { output: string }) => {
      const versions = {
        limen: packageVersion(),
        node: process.versions.node,
        tableLayout: layout.LAYOUT,
      };
      if (options.output === "json") console.log(JSON.stringify(versions));
      else for (const [name, value] of Object.entries(versions)) console.log(`${name} ${value}`);
    });
}
