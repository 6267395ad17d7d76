// Builds the filter: build/limen.wasm for proxies and build/offline.wasm for Node. `--trap` and
// `--ignore` build test twins, `--force` builds although nothing changed.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { main as compile } from "assemblyscript/asc";

const ROOT = join(import.meta.dirname, "..");
/** A module is loaded and compiled by every proxy; ours stays small enough to push inline. */
const BYTES_MAX = 64 * 1024;
const BUILDS = [
  { entry: "filter/index.ts", out: "build/limen.wasm", target: "release" },
  { entry: "filter/offline.ts", out: "build/offline.wasm", target: "offline" },
];
const TWINS = {
  "--trap": { entry: "filter/trap.ts", out: "build/limen-trap.wasm", target: "release" },
  "--ignore": { entry: "filter/ignore.ts", out: "build/limen-ignore.wasm", target: "release" },
};

const inFilter = readdirSync(join(ROOT, "filter"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") || file.endsWith(".mjs"))
  .map((file) => join("filter", file));
const inModels = readdirSync(join(ROOT, "models"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join("models", file));
const inputs = [...inFilter, ...inModels, "asconfig.json", "package-lock.json"];

const modified = (/** @type {string} */ file) => statSync(join(ROOT, file)).mtimeMs;
const isFresh = (/** @type {string} */ out) =>
  existsSync(join(ROOT, out)) && inputs.every((file) => modified(file) < modified(out));

/**
 * Compiles one entry; any message of the compiler, a warning too, fails the build.
 * @param {{ entry: string, out: string, target: string }} build
 */
async function build({ entry, out, target }) {
  const options = ["--config", "asconfig.json", "--target", target, "--outFile", out];
  const { error, stderr } = await compile([entry, ...options, "--baseDir", ROOT]);
  const messages = stderr.toString();
  if (!error && messages === "") return;
  console.error(`${entry}: does not compile without warnings\n${messages}${error ?? ""}`);
  process.exit(1);
}

/**
 * Size, imports and exports of a module, one line each.
 * @param {string} out
 */
function describe(out) {
  const bytes = readFileSync(join(ROOT, out));
  const module = new WebAssembly.Module(bytes);
  const names = (/** @type {{ name: string }[]} */ items) =>
    items.map(({ name }) => name.replace(/^proxy_/, "")).join(" ") || "none";
  console.log(`${out}  ${bytes.length} bytes`);
  console.log(`  imports  ${names(WebAssembly.Module.imports(module))}`);
  console.log(`  exports  ${names(WebAssembly.Module.exports(module))}`);
  if (bytes.length < BYTES_MAX) return;
  console.error(`${out}: ${bytes.length} bytes, the cap is ${BYTES_MAX}; make the filter smaller`);
  process.exit(1);
}

const asked = process.argv.slice(2);
const unknown = asked.find((flag) => flag !== "--force" && !(flag in TWINS));
if (unknown !== undefined) {
  console.error(`build: ${unknown} is no option; there are --trap, --ignore and --force`);
  process.exit(2);
}
const twins = Object.entries(TWINS).filter(([flag]) => asked.includes(flag));
mkdirSync(join(ROOT, "build"), { recursive: true });
for (const each of [...BUILDS, ...twins.map(([, twin]) => twin)]) {
  if (!asked.includes("--force") && isFresh(each.out)) continue;
  await build(each);
  describe(each.out);
}
