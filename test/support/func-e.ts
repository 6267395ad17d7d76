// The real func-e, built once from its Go module at a pinned version; Go's checksum database holds it
// to the bytes everybody gets.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "vitest";
import { ENVOY_VERSION } from "../../control/envoy/install.ts";
import { findEnvoy } from "./envoy.ts";
import { passBy } from "./pass-by.ts";

const VERSION = "1.6.0";
const FOLDER = join(import.meta.dirname, "..", "..", ".cache", `func-e-${VERSION}`);
const MODULE = `github.com/tetratelabs/func-e/cmd/func-e@v${VERSION}`;
const BUILD_MS = 300_000;

function build(): string | null {
  const program = join(FOLDER, "func-e");
  if (existsSync(program)) return program;
  const env = { ...process.env, GOBIN: FOLDER };
  const options = { env, encoding: "utf8", timeout: BUILD_MS } as const;
  const { status, error, stderr } = spawnSync("go", ["install", MODULE], options);
  if (status === 0) return program;
  const why = error ? error.message : stderr.trim().split("\n").at(-1);
  passBy(`func-e ${VERSION}: "go install ${MODULE}" failed (${why}); install Go 1.26 or newer`);
  return null;
}

let found: string | null | undefined;

/** The program; null where it cannot be built, with the reason printed once. */
export function findFuncE(): string | null {
  if (found === undefined) found = build();
  return found;
}

/** A claim about the real func-e and a real Envoy; passed by with a line where one is missing. */
export function itOnFuncE(claim: string, test: (program: string) => Promise<void>): void {
  it(
    claim,
    async () => {
      const program = findFuncE();
      if (program !== null && (await findEnvoy()) !== null) await test(program);
    },
    BUILD_MS + 120_000,
  );
}

/** A home as func-e keeps it, with the Envoy of the tests in it: nothing is looked up by network. */
export async function fillHome(folder: string): Promise<string> {
  const bin = join(folder, "versions", ENVOY_VERSION, "bin");
  await mkdir(bin, { recursive: true });
  await symlink((await findEnvoy()) ?? "", join(bin, "envoy"));
  await writeFile(join(folder, "version"), ENVOY_VERSION);
  return folder;
}
