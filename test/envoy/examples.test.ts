import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildExamples } from "../../control/envoy/examples.ts";
import { findEnvoy, itOnEnvoy } from "../support/envoy.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const files = Object.entries(buildExamples());

/** What Envoy prints when it reads a configuration and does not serve. */
async function validate(file: string): Promise<string> {
  const path = (await findEnvoy()) ?? "";
  return new Promise((resolve) => {
    const args = ["--mode", "validate", "-l", "warning", "-c", join("envoy", file)];
    execFile(path, args, { cwd: ROOT }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

describe("the files of envoy/", () => {
  it.each(files)("%s is what control/envoy/examples.ts writes", (file, text) => {
    expect(readFileSync(join(ROOT, "envoy", file), "utf8")).toBe(text);
  });

  for (const [file] of files.filter(([name]) => !name.includes("/"))) {
    itOnEnvoy(`${file} passes Envoy's own check`, async () => {
      expect(existsSync(join(ROOT, "build", "limen.wasm")), "run npm run build first").toBe(true);
      expect(await validate(file)).toMatch(/configuration 'envoy\/\w+\.yaml' OK/);
    });
  }
});
