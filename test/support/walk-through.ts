// Runs the walk-through of envoy/README.md, block by block, as it stands there. Only ports are
// others: each usual one is replaced by a free one, in the words and in the files they name.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFreePort } from "../../control/demo/ports.ts";
import { waitFor } from "./envoy.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const README = readFileSync(join(ROOT, "envoy", "README.md"), "utf8");
const USUAL_PORTS = ["10000", "9901", "18000", "18001", "8081", "8082"];
/** What the blocks read, beside the configuration with its ports. */
const LINKED = [
  "build",
  "control",
  "models",
  "node_modules",
  "package.json",
  "envoy/requirements.txt",
];
const BLOCK_MS = 30_000;

export type Block = {
  /** `start NAME` goes on running in a terminal of its own; `run` ends. */
  kind: "start" | "run";
  name: string;
  line: string;
  /** What it prints at least, when the README says so. */
  prints: string;
};

/** The blocks in order; of a terminal that may be started in several ways, all of them. */
export function readBlocks(): Block[] {
  const pattern = /^```sh walk(?:-start:(\S+))?\n([\s\S]*?)^```(?:\n\n?```text\n([\s\S]*?)^```)?/gm;
  return [...README.matchAll(pattern)].map(([, name = "", line = "", prints = ""]) => ({
    kind: name === "" ? "run" : "start",
    name,
    line: line.trim(),
    prints: prints.trim(),
  }));
}

type Terminal = { name: string; child: ChildProcess; read(): string; ended: Promise<unknown> };

function openTerminal(name: string, line: string, cwd: string, env: NodeJS.ProcessEnv): Terminal {
  // A group of its own, so that an interrupt reaches all it starts, as Ctrl-C does.
  const child = spawn("bash", ["-c", line], { cwd, env, detached: true });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (part) => {
      said += part;
    });
  }
  const ended = new Promise((resolve) => child.once("close", resolve));
  return { name, child, read: () => said, ended };
}

async function interrupt({ name, child, read, ended }: Terminal): Promise<void> {
  if (child.exitCode === null) process.kill(-(child.pid ?? 0), "SIGINT");
  const late = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), 10_000);
  const isOver = await Promise.race([ended.then(() => true), waitLate(11_000)]);
  clearTimeout(late);
  if (!isOver) throw new Error(`${name} does not end by Ctrl-C: ${read()}`);
}

const waitLate = (ms: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());

/** A folder that looks like the checkout to the blocks, with other ports in the files they name. */
function arrange(cwd: string, swap: (text: string) => string): void {
  mkdirSync(join(cwd, "envoy"));
  for (const path of LINKED) symlinkSync(join(ROOT, path), join(cwd, path));
  cpSync(join(ROOT, "envoy", "xds.yaml"), join(cwd, "envoy", "xds.yaml"));
  const file = join(cwd, "envoy", "xds.yaml");
  writeFileSync(file, swap(readFileSync(file, "utf8")));
  const listen = { xds: swap("127.0.0.1:18000"), http: swap("127.0.0.1:18001") };
  const settings = { limen: 1, models: ["models/bot"], listen };
  writeFileSync(join(cwd, "ports.yaml"), JSON.stringify(settings));
}

export type WalkOptions = {
  /** Names of the terminals that are another way to start one, left out. */
  without: readonly string[];
  env?: NodeJS.ProcessEnv;
};

/** Walks to the end and gives what each block that ends printed. Throws at the first that differs. */
export async function walkThrough({ without, env = {} }: WalkOptions): Promise<string[]> {
  const free = await Promise.all(USUAL_PORTS.map(() => findFreePort()));
  const swap = (text: string): string =>
    text.replace(/\b\d{4,5}\b/g, (port) => String(free[USUAL_PORTS.indexOf(port)] ?? port));
  // Without a settings file the service has the usual ports; two Envoys of one machine want this.
  const words = (line: string): string =>
    swap(line)
      .replace(/limen -- run$/, "limen -- run -f ports.yaml")
      .replace(/envoy\/xds\.yaml$/, "$& --disable-hot-restart");
  const cwd = mkdtempSync(join(tmpdir(), "limen-walk-"));
  const path = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const all = { ...process.env, LIMEN_SERVER: swap("http://127.0.0.1:18001"), PATH: path, ...env };
  const { INIT_CWD: _cwd, ...own } = all as NodeJS.ProcessEnv;
  arrange(cwd, swap);
  const terminals: Terminal[] = [];
  const printed: string[] = [];
  try {
    for (const { kind, name, line, prints } of readBlocks()) {
      if (without.includes(name)) continue;
      if (kind === "start") {
        const terminal = openTerminal(name, words(line), cwd, own);
        terminals.push(terminal);
        await waitUntilPrints(() => terminal.read(), swap(prints), line);
      } else {
        printed.push(await waitUntilPrints(() => run(words(line), cwd, own), swap(prints), line));
      }
    }
  } finally {
    for (const terminal of terminals.reverse()) await interrupt(terminal);
    rmSync(cwd, { recursive: true });
  }
  return printed;
}

function run(line: string, cwd: string, env: NodeJS.ProcessEnv): string {
  const ran = spawnSync("bash", ["-c", line], { cwd, env, encoding: "utf8", timeout: BLOCK_MS });
  if (ran.status !== 0) throw new Error(`${line}: ${ran.status} ${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}

/** A push takes some milliseconds: asked again until it prints what the README shows. */
async function waitUntilPrints(read: () => string, prints: string, line: string): Promise<string> {
  let last = "";
  const look = (): string | null => {
    last = read();
    return prints.split("\n").every((each) => last.includes(each)) ? last : null;
  };
  return waitFor(`${line} to print ${prints}`, look, BLOCK_MS, 200).catch((thrown: Error) => {
    throw new Error(`${thrown.message}; it printed ${last}`, { cause: thrown });
  });
}
