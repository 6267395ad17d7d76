// The tarball that `npm run package` makes, installed in a folder of its own and used from there.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { StatusView } from "../../control/api/views.ts";
import type { DemoResult } from "../../control/demo/result.ts";
import { ENVOY_VERSION } from "../../control/envoy/install.ts";
import { findEnvoy, itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import { atStrike, startApplication, startProxy, strikeStage } from "../support/stage.ts";

const ROOT = join(import.meta.dirname, "../..");
const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const TARBALL = join(ROOT, "build", `limen-${version}.tgz`);
/** Twice what it is: something that does not belong in it would show. */
const TARBALL_BYTES_MAX = 800 * 1024;
/** The fewest the demo takes; with holes in the labels it ends after a quarter of them. */
const DEMO_REQUESTS = "16000";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "limen-packed-")));
const home = join(folder, "home");
const work = join(folder, "work");
const elsewhere = join(folder, "elsewhere");
const INSTALLED = join(work, "node_modules", "limen");
const LIMEN = join(work, "node_modules", ".bin", "limen");
const run = promisify(execFile);

afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(strikeStage);

/** As of a person who has Node 24 and nothing else; INIT_CWD is what npm leaves in its scripts. */
const env = { PATH: dirname(process.execPath), HOME: home, INIT_CWD: elsewhere };

function start(args: readonly string[]) {
  const child: ChildProcess = spawn(LIMEN, args, { cwd: work, env });
  const said = { out: "", err: "" };
  child.stdout?.on("data", (part) => (said.out += part));
  child.stderr?.on("data", (part) => (said.err += part));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, said, ended };
}

async function limen(...args: string[]) {
  const { said, ended } = start(args);
  return { code: await ended, ...said };
}

/** What a started program says of itself on standard error, once it matches. */
const waitForWords = (
  { said }: ReturnType<typeof start>,
  words: RegExp,
): Promise<RegExpExecArray> =>
  waitFor(`${words} in what limen says`, () => words.exec(said.err), 30_000);

beforeAll(async () => {
  for (const each of [home, work, elsewhere]) mkdirSync(each);
  writeFileSync(join(work, "package.json"), "{}");
  // npm would take settings of the checkout from the npx or npm that runs this test.
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name));
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const npm = { env: { ...Object.fromEntries(own), PATH: path }, timeout: 240_000 };
  await run("npm", ["run", "-s", "package"], { ...npm, cwd: ROOT });
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...flags, TARBALL], { ...npm, cwd: work });
}, 300_000);

const listPacked = (): string[] =>
  readdirSync(INSTALLED, { recursive: true, encoding: "utf8" }).filter((file) =>
    statSync(join(INSTALLED, file)).isFile(),
  );

describe("the tarball", () => {
  it(`is smaller than ${TARBALL_BYTES_MAX} bytes`, () => {
    const bytes = statSync(TARBALL).size;
    process.stdout.write(`limen-${version}.tgz: ${bytes} bytes, ${listPacked().length} files\n`);
    expect(bytes).toBeLessThan(TARBALL_BYTES_MAX);
  });

  it("holds no TypeScript, no test, no hidden file and no log", () => {
    const odd = /\.ts$|\.test\.|(^|\/)(test|node_modules|__pycache__|\.[^/]*)(\/|$)|\.(db|log)/;
    expect(listPacked().filter((file) => odd.test(file))).toEqual([]);
  });

  it("holds the filter, the model and what Envoy is told and got by", () => {
    const needed = [
      ...["LICENSE", "CHANGELOG.md", "README.md", "envoy/xds.yaml", "envoy/requirements.txt"],
      ...["model.yaml", "model.onnx", "vectors.csv"].map((file) => `models/bot/${file}`),
      ...["build/limen.wasm", "build/offline.wasm", "control/limen.schema.json"],
      ...["control/kafka/pom.xml", "control/kafka/tools/pom.xml", "istio/README.md"],
    ];
    expect(needed.filter((file) => !existsSync(join(INSTALLED, file)))).toEqual([]);
  });

  it("names no folder of the machine that packed it", () => {
    const folders = [ROOT, `${homedir()}/`].filter((path) => path !== "//");
    const naming = listPacked().filter((file) => {
      const bytes = readFileSync(join(INSTALLED, file));
      return folders.some((path) => bytes.includes(path));
    });
    expect(naming).toEqual([]);
  });

  it("asks for Node 24 and the run-time packages, and runs no scripts", () => {
    const manifest = JSON.parse(readFileSync(join(INSTALLED, "package.json"), "utf8"));
    expect(manifest).toMatchObject({ version, engines: { node: ">=24" }, dependencies });
    expect(["scripts", "devDependencies"].filter((key) => key in manifest)).toEqual([]);
  });
});

describe("limen from the tarball", () => {
  it("lists its verbs", async () => {
    const { code, out } = await limen("--help");
    expect([code, out.match(/^ {2}(demo|run|status|compile)\b/gm)?.length]).toEqual([0, 4]);
  });

  it("knows its version", async () => {
    const { out } = await limen("version", "-o", "json");
    expect(JSON.parse(out)).toMatchObject({ limen: version, node: process.versions.node });
  });

  it("compiles the model it brings to the digest of the checkout", async () => {
    const args = ["compile", join(INSTALLED, "models/bot"), "-o", "json"];
    const here = await run(process.execPath, [join(ROOT, "control/cli/limen.js"), ...args]);
    expect(JSON.parse((await limen(...args)).out)).toEqual(JSON.parse(here.stdout));
  });

  it("says how to get the reference that compile --verify compares with", async () => {
    const { code, err } = await limen("compile", join(INSTALLED, "models/bot"), "--verify");
    expect([code, err.trim().split("\n").length]).toEqual([1, 1]);
    expect(err).toContain("onnxruntime-node is not installed; npm install");
  });

  it("runs on the model it brings, in the folder it is started in", async () => {
    const running = start(["run"]);
    const [, model, log] = await waitForWords(running, /models: (\S+)[\s\S]*log: sqlite:(\S+)/);
    running.child.kill();
    await running.ended;
    expect([model, log]).toEqual([join(INSTALLED, "models/bot"), join(work, "limen.db")]);
  });

  it("says on an older Node which one it needs, in one line", async () => {
    const old = await findOldNode();
    if (old === null) {
      process.stderr.write("passed by: no Node below 24 on PATH\n");
      return;
    }
    const shim = join(INSTALLED, "control/cli/limen.js");
    const ran = await run(old, [shim, "version"]).catch((thrown) => thrown);
    expect([ran.code, ran.stderr.trim().split("\n").length]).toEqual([2, 1]);
    expect(ran.stderr).toMatch(/^limen: needs Node 24 or newer, this is \d+\.\d+\.\d+; install /);
  });
});

async function findOldNode(): Promise<string | null> {
  for (const place of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(place, "node");
    if (!existsSync(path)) continue;
    const { stdout } = await run(path, ["-p", "process.versions.node"]);
    if (Number(stdout.split(".")[0]) < 24) return path;
  }
  return null;
}

/** Puts the Envoy of the tests where the package keeps downloads, so that none is needed. */
async function fillCache(): Promise<void> {
  const bin = join(home, ".cache", "limen", `envoy-${ENVOY_VERSION}`, "envoy", "_bin");
  if (existsSync(bin)) return;
  mkdirSync(bin, { recursive: true });
  symlinkSync((await findEnvoy()) ?? "", join(bin, "envoy"));
}

describe("limen from the tarball, with a real Envoy", () => {
  itOnEnvoy("keeps Envoy in the cache folder of its user", async () => {
    await fillCache();
    const { code, out, err } = await limen("envoy", "--version");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`/${ENVOY_VERSION}/`);
  });

  itOnEnvoy("plays the demo, which ends with 3 when labels have holes", async () => {
    await fillCache();
    const labels = ["--label-missing", "0.4"];
    const args = ["demo", "--once", "--requests", DEMO_REQUESTS, ...labels, "-o", "json"];
    const { code, out, err } = await limen(...args);
    expect(code, err).toBe(3);
    const { failed, unscored, failures, uncertifiable, tableBytes } = JSON.parse(out) as DemoResult;
    // What cannot be certified is all that was not met.
    expect([failed, unscored, failures]).toEqual([0, 0, [uncertifiable]]);
    expect(uncertifiable).toContain("of the audit slice is labelled");
    expect(tableBytes).toBeGreaterThan(10_000);
  });

  itOnEnvoy("serves a table that Envoy takes, and counts what it decided", async () => {
    const listen = `{ xds: "${LOOPBACK}:0", http: "${LOOPBACK}:0" }`;
    const models = "[node_modules/limen/models/bot]";
    writeFileSync(join(work, "limen.yaml"), `limen: 1\nmodels: ${models}\nlisten: ${listen}\n`);
    const running = start(["run", "-f", "limen.yaml"]);
    atStrike(async () => {
      running.child.kill();
      await running.ended;
    });
    const [, xds, http] = await waitForWords(running, /xds on \S+:(\d+), http on (\S+)/);
    const control = { host: LOOPBACK, port: Number(xds) };
    const wasmPath = join(INSTALLED, "build", "limen.wasm");
    const envoy = await startProxy({
      upstreams: [await startApplication("shop")],
      tagRoutes: [],
      defaultUpstream: "shop",
      filters: [{ name: "limen", vmId: "limen", wasmPath, table: "xds" }],
      ...{ xds: control, accessLog: control, accessLogFlushMs: 100 },
    });
    const readStatus = async (): Promise<StatusView> => {
      const { out } = await limen("status", "--server", `http://${http}`, "-o", "json");
      return JSON.parse(out) as StatusView;
    };
    await waitFor("the ACK", async () => {
      const { proxies, resourceDigest } = await readStatus();
      return proxies.some(({ acked }) => acked === resourceDigest) ? true : null;
    });
    expect((await ask(envoy.port, {})).status).toBe(200);
    await waitFor("the decision", async () => {
      const { log } = await readStatus();
      return log.decisions === 1 ? true : null;
    });
  });
});
