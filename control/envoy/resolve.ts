// Finds a real Envoy: ENVOY_PATH, `envoy` on PATH, func-e, else the pinned pip package.
import { join } from "node:path";
import { LimenError } from "../errors.ts";
import { INSTALLATION, placeCache } from "../installation.ts";
import { ENVOY_VERSION, type Install, installEnvoy } from "./install.ts";
import { readPlatform } from "./platform.ts";
import { findOnPath, readEnvoyVersion, refuseProgram, runProgram } from "./probe.ts";

export type EnvoySource = "ENVOY_PATH" | "PATH" | "func-e" | "package";
export type ResolvedEnvoy = { path: string; version: string; from: EnvoySource };
export type ResolveOptions = Partial<Install>;

/** Envoy 1.33 brought `failure_policy`, by which a dead filter comes back (FAIL_RELOAD). */
const MINOR_MINIMUM = 33;
/** func-e may download an Envoy first. */
const FUNC_E_TIMEOUT_MS = 300_000;

function fillIn(options: ResolveOptions): Install {
  const env = options.env ?? process.env;
  return {
    env,
    cacheFolder: options.cacheFolder ?? placeCache(INSTALLATION, env),
    say: options.say ?? ((line) => process.stderr.write(`${line}\n`)),
    platform: options.platform ?? readPlatform(),
    requirements: options.requirements ?? join(INSTALLATION.root, "envoy", "requirements.txt"),
  };
}

function admit(envoy: ResolvedEnvoy, say: Install["say"]): ResolvedEnvoy {
  const { path, version, from } = envoy;
  if (version === ENVOY_VERSION) return envoy;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < MINOR_MINIMUM)) {
    throw new LimenError(
      "refused",
      `${path} (by ${from}) is Envoy ${version}, too old: the policy reload needs failure_policy, which came with 1.${MINOR_MINIMUM}; set ENVOY_PATH to Envoy ${ENVOY_VERSION}`,
    );
  }
  say(`warning: ${path} (by ${from}) is Envoy ${version}; Limen is tested on ${ENVOY_VERSION}`);
  return envoy;
}

async function takeNamed(path: string, install: Install): Promise<ResolvedEnvoy> {
  const wrong = refuseProgram(path);
  if (wrong) {
    throw new LimenError(
      "missing",
      `ENVOY_PATH ${path} ${wrong}; set it to the Envoy binary, or unset it`,
    );
  }
  const version = await readEnvoyVersion(path, install.env);
  if (version === null) {
    throw new LimenError(
      "missing",
      `ENVOY_PATH ${path} does not answer --version as Envoy does; set it to the Envoy binary (in the pip package: envoy/_bin/envoy), or unset it`,
    );
  }
  return admit({ path, version, from: "ENVOY_PATH" }, install.say);
}

async function askFuncE(install: Install): Promise<string | null> {
  const program = findOnPath("func-e", install.env);
  if (!program) return null;
  const { code, stdout } = await runProgram(program, ["which"], install.env, FUNC_E_TIMEOUT_MS);
  const path = stdout.trim().split("\n").at(-1) ?? "";
  if (code === 0 && path !== "") return path;
  install.say(`${program} has no Envoy at hand ("func-e which" failed); going on without it`);
  return null;
}

/** An Envoy nobody named: one that does not run is passed by with a line, not fatal. */
async function takeFound(
  path: string | null,
  from: EnvoySource,
  install: Install,
): Promise<ResolvedEnvoy | null> {
  if (path === null) return null;
  const version = refuseProgram(path) ? null : await readEnvoyVersion(path, install.env);
  if (version !== null) return admit({ path, version, from }, install.say);
  install.say(`${path} (by ${from}) does not answer --version as Envoy does; going on without it`);
  return null;
}

/** The Envoy to run; throws one LimenError that says what is missing and what to do. */
export async function resolveEnvoy(options: ResolveOptions = {}): Promise<ResolvedEnvoy> {
  const install = fillIn(options);
  const { ENVOY_PATH: named } = install.env;
  if (named !== undefined && named !== "") return takeNamed(named, install);
  const onPath = await takeFound(findOnPath("envoy", install.env), "PATH", install);
  if (onPath) return onPath;
  const byFuncE = await takeFound(await askFuncE(install), "func-e", install);
  if (byFuncE) return byFuncE;
  return { path: await installEnvoy(install), version: ENVOY_VERSION, from: "package" };
}
