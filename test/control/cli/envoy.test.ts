import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, describe, expect, it } from "vitest";
import { addEnvoy } from "../../../control/cli/envoy.ts";

const before = process.env["ENVOY_PATH"];

afterEach(() => {
  process.exitCode = undefined;
  if (before === undefined) delete process.env["ENVOY_PATH"];
  else process.env["ENVOY_PATH"] = before;
});

/** Runs `limen envoy ARGS` on a script that notes its arguments and ends as told. */
async function runVerb(args: readonly string[], end: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "limen-envoy-verb-"));
  const script = join(folder, "envoy");
  const answer = 'echo "x  version: 9e55/1.40.0/Clean/R/B"';
  const body = `[ "$*" = "--version" ] && ${answer} && exit 0\necho "$@" > ${folder}/args; ${end}`;
  await writeFile(script, `#!/bin/sh\n${body}\n`);
  await chmod(script, 0o755);
  process.env["ENVOY_PATH"] = script;
  const program = new Command("limen").enablePositionalOptions().option("--debug");
  addEnvoy(program);
  await program.parseAsync(["envoy", ...args], { from: "user" });
  const received = (await readFile(join(folder, "args"), "utf8")).trim();
  await rm(folder, { recursive: true });
  return received;
}

describe("limen envoy", () => {
  it("passes every argument on, also those Limen knows", async () => {
    expect(await runVerb(["-c", "a.yaml", "--help", "--debug"], "exit 0")).toBe(
      "-c a.yaml --help --debug",
    );
  });

  it("ends with the exit code of Envoy", async () => {
    await runVerb(["--mode", "validate"], "exit 7");
    expect(process.exitCode).toBe(7);
  });

  it("ends with 128 and the number of the signal that killed Envoy", async () => {
    await runVerb(["-c", "a.yaml"], "kill -9 $$");
    expect(process.exitCode).toBe(137);
  });
});
