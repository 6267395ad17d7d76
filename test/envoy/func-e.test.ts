// The real func-e, offline: an Envoy by ENVOY_PATH, one in func-e's own home, and Limen's resolver.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { ENVOY_VERSION } from "../../control/envoy/install.ts";
import { resolveEnvoy } from "../../control/envoy/resolve.ts";
import { findEnvoy } from "../support/envoy.ts";
import { fillHome, itOnFuncE } from "../support/func-e.ts";
import { walkThrough } from "../support/walk-through.ts";

/** Nobody listens there: whoever looks a version up fails at once instead of downloading. */
const NO_NETWORK = { ENVOY_VERSIONS_URL: "http://127.0.0.1:1/" };

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "limen-func-e-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("func-e run", () => {
  itOnFuncE("walks through envoy/README.md with the Envoy of ENVOY_PATH", async (program) => {
    const path = `${dirname(program)}:${dirname(process.execPath)}:${process.env["PATH"]}`;
    const envoy = { ENVOY_PATH: (await findEnvoy()) ?? "", FUNC_E_HOME: folder, ...NO_NETWORK };
    const printed = await walkThrough({ without: ["envoy"], env: { PATH: path, ...envoy } });
    expect(printed.length).toBeGreaterThan(6);
  });

  itOnFuncE("takes the Envoy in its home without a look-up", async (program) => {
    const { ENVOY_PATH: _path, ...rest } = process.env;
    const env = { ...rest, FUNC_E_HOME: await fillHome(folder), ...NO_NETWORK };
    const ran = spawnSync(program, ["run", "--version"], { env, encoding: "utf8" });
    expect(ran.stdout).toMatch(new RegExp(`version: \\w+/${ENVOY_VERSION}/`));
  });
});

/** Only func-e is on this PATH; the package is in the checkout's cache. */
function resolveWith(program: string, said: string[]) {
  const env = { PATH: dirname(program), FUNC_E_HOME: folder, ...NO_NETWORK };
  return resolveEnvoy({ env, say: (line) => void said.push(line) });
}

describe("resolveEnvoy", () => {
  itOnFuncE("takes the Envoy in func-e's home", async (program) => {
    await fillHome(folder);
    const path = join(folder, "versions", ENVOY_VERSION, "bin", "envoy");
    const said: string[] = [];
    const found = await resolveWith(program, said);
    expect([found, said]).toEqual([{ path, version: ENVOY_VERSION, from: "func-e" }, []]);
  });

  itOnFuncE("goes on with a line when func-e has none and cannot get one", async (program) => {
    const said: string[] = [];
    const { from } = await resolveWith(program, said);
    expect(from).toBe("package");
    expect(said[0]).toContain('"func-e which" failed');
  });
});
