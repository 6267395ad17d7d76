// Builds Istio's own programs for the lane: istiod, its agent and istioctl, from the one version of
// the Go module that test/istio/programs/go.mod pins, checked by go.sum. `node test/istio/build.mjs`
// takes 10 to 20 minutes and 6 GB of Go's caches once, nothing afterwards. Only the programs stay,
// in .cache/istio-HASH, where HASH is of go.mod.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const MODULE = join(import.meta.dirname, "programs");
const PACKAGES = ["pilot/cmd/pilot-discovery", "pilot/cmd/pilot-agent", "istioctl/cmd/istioctl"];
/** Files of the module that the programs read at run time. */
const FILES = [
  "manifests/charts/base/files/crd-all.gen.yaml",
  "tools/packaging/common/envoy_bootstrap.json",
];
/** Written last: the folder is whole. */
const DONE = "go.mod";
/** A build that says nothing looks dead. */
const PROGRESS_MS = 30_000;

const hash = createHash("sha256")
  .update(readFileSync(join(MODULE, "go.mod")))
  .digest("hex")
  .slice(0, 12);
export const ISTIO_FOLDER = join(ROOT, ".cache", `istio-${hash}`);

export const isBuilt = () => existsSync(join(ISTIO_FOLDER, DONE));

const say = (/** @type {string} */ line) => process.stderr.write(`istio: ${line}\n`);
const seconds = (/** @type {number} */ since) => Math.round((performance.now() - since) / 1000);

/**
 * Runs Go at low priority, with a line from time to time.
 * @param {string} what
 * @param {string[]} args
 */
function runGo(what, args) {
  const start = performance.now();
  const child = spawn("nice", ["-n", "10", "go", ...args], {
    cwd: MODULE,
    env: {
      ...process.env,
      GOFLAGS: "-mod=readonly -buildvcs=false",
      GOTOOLCHAIN: "local",
      CGO_ENABLED: "0",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let downloads = 0;
  let last = "";
  child.stderr.on("data", (/** @type {Buffer} */ chunk) => {
    const lines = chunk.toString().trim().split("\n");
    downloads += lines.filter((line) => line.startsWith("go: downloading")).length;
    last = lines.filter((line) => !line.startsWith("go: downloading")).at(-1) ?? last;
  });
  const timer = setInterval(
    () => say(`${what}: ${seconds(start)} s, ${downloads} modules fetched`),
    PROGRESS_MS,
  );
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`${error.message}; install Go 1.26 or newer`));
    child.once("exit", (code) => resolve(code === 0 ? null : last || `go ended with ${code}`));
  }).then((problem) => {
    clearInterval(timer);
    if (problem !== null) throw new Error(`${what}: ${problem}`);
    say(`${what}: done in ${seconds(start)} s`);
  });
}

/** Where the pinned module's files are. */
function findModule() {
  const { stdout } = spawnSync("go", ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"], {
    cwd: MODULE,
    encoding: "utf8",
    env: { ...process.env, GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local" },
  });
  return stdout.trim();
}

/** Builds what is missing; several at a time are harmless, the last rename wins. */
export async function buildIstio() {
  if (isBuilt()) {
    say(`at hand in ${ISTIO_FOLDER}`);
    return;
  }
  const folder = `${ISTIO_FOLDER}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    for (const each of PACKAGES) {
      const name = each.split("/").at(-1) ?? each;
      const version = "-s -w -X istio.io/istio/pkg/version.buildVersion=1.31-dev";
      const out = ["-o", join(folder, name), `istio.io/istio/${each}`];
      await runGo(name, ["build", "-trimpath", "-ldflags", version, ...out]);
      say(`${name}: ${Math.round(statSync(join(folder, name)).size / 1e6)} MB`);
    }
    const source = findModule();
    for (const file of FILES)
      copyFileSync(join(source, file), join(folder, file.split("/").at(-1) ?? file));
    copyFileSync(join(MODULE, "go.mod"), join(folder, DONE));
    rmSync(ISTIO_FOLDER, { recursive: true, force: true });
    renameSync(folder, ISTIO_FOLDER);
  } catch (thrown) {
    rmSync(folder, { recursive: true, force: true });
    throw thrown;
  }
}

if (process.argv[1] === import.meta.filename) {
  await buildIstio().catch((/** @type {Error} */ error) => {
    say(error.message);
    process.exitCode = 1;
  });
}
