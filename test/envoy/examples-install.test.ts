// What `limen install envoy` prints, read by a real Envoy.
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { findEnvoy, itOnEnvoy } from "../support/envoy.ts";
import { MODULE } from "../support/stage.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");
const folder = mkdtempSync(join(tmpdir(), "limen-install-"));
afterAll(() => rmSync(folder, { recursive: true }));

function limen(...args: string[]): string {
  const env = { ...process.env, INIT_CWD: folder };
  const ran = spawnSync(process.execPath, [LIMEN, ...args], { cwd: folder, env, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return ran.stdout;
}

async function validate(text: string): Promise<string> {
  const file = join(folder, "envoy.yaml");
  writeFileSync(file, text);
  const path = (await findEnvoy()) ?? "";
  const args = ["--mode", "validate", "-l", "warning", "-c", file];
  return new Promise((resolve) =>
    execFile(path, args, { cwd: folder }, (_error, stdout, stderr) => resolve(stdout + stderr)),
  );
}

const PLACES = ["--upstream", "127.0.0.1:3000", "--wasm", MODULE];
const TAGGED = ["--tag", "x-limen-bot=bot", "--tagged", "127.0.0.1:3001"];
const TABLE = { file: join(folder, "table.yaml"), static: join(folder, "bot.table") };

describe("limen install envoy", () => {
  const ways: readonly [string, string[]][] = [
    ["xds", [...TAGGED, "--xds", "limen.example:18000"]],
    ["file", ["--table", TABLE.file]],
    ["static", ["--table", TABLE.static]],
  ];
  for (const [way, more] of ways) {
    itOnEnvoy(`prints a bootstrap that Envoy takes, way ${way}`, async () => {
      limen("table", "--ecds", TABLE.file, "--out", TABLE.static);
      const text = limen("install", "envoy", ...PLACES, "--way", way, ...more);
      expect(await validate(text)).toContain("envoy.yaml' OK");
    });
  }
});
