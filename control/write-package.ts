// `npm run package`: writes build/package/, what the tarball holds. Node does not run TypeScript below
// node_modules, so types are blanked out: lines and columns of a stack trace stay those of the
// sources.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const PACKAGE = join(ROOT, "build", "package");
/** Folders that are packed whole, and single files. */
const PACKED =
  /^(control|envoy|istio|models)\/|^(README|CHANGELOG)\.md$|^LICENSE$|^filter\/README\.md$/;
/** What only the checkout needs: writers of committed files, and settings of the proto compiler. */
const LEFT_OUT = /^control\/(write-[\w-]+\.ts|buf[\w.]*\.yaml)$/;
const BUILT = ["build/limen.wasm", "build/offline.wasm"];
const RELATIVE_IMPORT = /(\b(?:from|import)\b\s*\(?\s*")(\.{1,2}\/[^"]+)\.ts"/g;
const ANY_SOURCE = /["'`]\.{1,2}\/[^"'`\s]+\.ts["'`]/;

/** Kept from the checkout's package.json; the rest is of no use to who installs. */
const KEPT = ["name", "version", "description", "license", "private", "type", "bin"] as const;

/** As control/cli/limen.js checks it. */
const ENGINES = { node: ">=24" };

type Manifest = Record<(typeof KEPT)[number] | "dependencies", unknown>;

const toScript = (file: string): string => file.replace(/\.ts$/, ".js");

/** Files of the checkout by name: tracked, or new and not ignored. */
function listFiles(): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard"];
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8" })
    .split("\n")
    .filter((file) => PACKED.test(file) && !LEFT_OUT.test(file) && existsSync(join(ROOT, file)));
}

/** The same program as JavaScript; throws when it would import what the package does not hold. */
export function stripSource(file: string, text: string, holds: (file: string) => boolean): string {
  const script = file.endsWith(".ts") ? stripTypeScriptTypes(text) : text;
  const moved = script.replace(RELATIVE_IMPORT, (_, before: string, path: string) => {
    const target = join(dirname(file), `${path}.js`);
    if (holds(target)) return `${before}${path}.js"`;
    throw new Error(`${file}: imports ${target}, which is not packed`);
  });
  const left = ANY_SOURCE.exec(moved)?.[0];
  if (left === undefined) return moved;
  throw new Error(`${file}: names the source ${left} outside an import; use INSTALLATION`);
}

function write(file: string, content: string | Uint8Array): void {
  const path = join(PACKAGE, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function buildManifest(files: readonly string[]): string {
  const source = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
  const kept = Object.fromEntries(KEPT.map((key) => [key, source[key]]));
  const tops = [...new Set(files.map((file) => file.split("/")[0]))].sort();
  const { dependencies } = source;
  return `${JSON.stringify({ ...kept, engines: ENGINES, files: tops, dependencies }, null, 2)}\n`;
}

function writePackage(): void {
  const files = [...listFiles(), ...BUILT];
  const packed = new Set(files.map(toScript));
  rmSync(PACKAGE, { recursive: true, force: true });
  for (const file of files) {
    const content = readFileSync(join(ROOT, file));
    const isScript = /\.(ts|js)$/.test(file);
    write(
      toScript(file),
      isScript ? stripSource(file, content.toString("utf8"), (name) => packed.has(name)) : content,
    );
  }
  write("package.json", buildManifest(files));
}

if (import.meta.main) writePackage();
