import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildProgram } from "../../../control/cli/main.ts";

const LIMEN = join(import.meta.dirname, "../../../control/cli/limen.js");
const folder = mkdtempSync(join(tmpdir(), "limen-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function limen(...args: string[]) {
  const env = { ...process.env, INIT_CWD: folder, LIMEN_SERVER: "http://127.0.0.1:1" };
  const ran = spawnSync(process.execPath, [LIMEN, ...args], { cwd: folder, env, encoding: "utf8" });
  return { code: ran.status, out: ran.stdout, err: ran.stderr.trim() };
}

const VERBS =
  "demo run install doctor compile table features score cut explain get status apply off on history replay version".split(
    " ",
  );

describe("limen", () => {
  it("lists every verb in its help", () => {
    const { out } = limen("--help");
    expect(VERBS.filter((verb) => !new RegExp(`^  ${verb}\\b`, "m").test(out))).toEqual([]);
  });

  it("takes the global options after the verb too", () => {
    const { err } = limen("status", "--server", "http://127.0.0.1:2", "--debug");
    expect(err).toMatch(/no service answers at http:\/\/127\.0\.0\.1:2[\s\S]*\n {4}at /);
  });

  it.each(VERBS)("%s --help has an example", (verb) => {
    let text = "";
    const command = buildProgram().commands.find((one) => one.name() === verb);
    command?.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(text).toMatch(/Examples?:\n {2}(.*=\S+ )?limen /);
  });

  const usage: readonly [string, string[], RegExp][] = [
    [
      "an unknown verb",
      ["statsu"],
      /^limen: unknown command 'statsu' \(Did you mean status\?\); see "limen --help"$/,
    ],
    ["a verb of a later version", ["rollback"], /^limen: rollback is not in this version/],
    ["an unknown option", ["status", "--wacth"], /^limen: unknown option '--wacth'.*status --help/],
    [
      "an unknown option of a command below a verb",
      ["install", "kafka", "--nope"],
      /^limen: unknown option '--nope'; see "limen install kafka --help"$/,
    ],
    [
      "a wrong choice of a command below a verb",
      ["install", "istio", "--way", "pigeon"],
      /see "limen install istio --help"$/,
    ],
    [
      "an unknown command below a verb",
      ["install", "nope"],
      /^limen: unknown command 'nope'; see "limen install --help"$/,
    ],
    [
      "an unknown option behind a global one with its value",
      ["--server", "http://127.0.0.1:1", "status", "--wacth"],
      /see "limen status --help"$/,
    ],
    ["an unknown format", ["status", "-o", "xml"], /one of table, wide, json, yaml/],
    ["apply without a change", ["apply"], /give --set KEY=VALUE/],
    ["a change that is none", ["apply", "--set", "bot.mode"], /KEY=VALUE/],
  ];
  it.each(usage)("answers %s in one line with exit code 2", (_, args, text) => {
    const { code, err } = limen(...args);
    expect([code, err.split("\n").length]).toEqual([2, 1]);
    expect(err).toMatch(text);
  });

  const failed: readonly [string, string[], RegExp][] = [
    [
      "no service",
      ["status"],
      /no service answers at http:\/\/127\.0\.0\.1:1; start one with "limen run"/,
    ],
    ["a settings file that is not there", ["run", "-f", "none.yaml"], /none\.yaml: no such file/],
    ["a model that is not there", ["compile", "nowhere"], /nowhere/],
  ];
  it.each(failed)("answers %s in one line with exit code 1", (_, args, text) => {
    const { code, err } = limen(...args);
    expect([code, err.split("\n").length]).toEqual([1, 1]);
    expect(err).toMatch(text);
  });

  it("names a mistyped key of limen.yaml and the nearest known one", () => {
    writeFileSync(join(folder, "limen.yaml"), "limen: 1\nmodels: [bot]\nlissten: {}\n");
    expect(limen("run", "-f", "limen.yaml").err).toBe(
      'limen: limen.yaml: unknown key lissten; the nearest known key is "listen"',
    );
  });

  it("prints its version, that of package.json, as JSON", () => {
    const manifest = join(import.meta.dirname, "../../../package.json");
    const { version } = JSON.parse(readFileSync(manifest, "utf8"));
    expect(JSON.parse(limen("version", "-o", "json").out).limen).toBe(version);
  });
});
