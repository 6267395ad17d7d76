import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const FILE_LINES_MAX = 300;
/** Files allowed above the cap, with their length on the day; may only shrink. */
const RATCHET: Readonly<Record<string, number>> = {};

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(ROOT, file)));
const sources = tracked.filter(
  (file) => /\.(ts|mjs|js|py)$/.test(file) && !file.endsWith("_pb.ts"),
);
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map((match) =>
    normalize(join(dirname(file), match[1] ?? "")),
  );
}

/** Which top folders a file of each top folder may import from. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  filter: ["filter", "models"],
  models: [],
  control: ["control", "models"],
  test: ["test", "control", "models", "filter"],
};

describe("the tree", () => {
  it("holds no source file above 300 lines", () => {
    const long = sources
      .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
      .filter(({ file, lines }) => lines > (RATCHET[file] ?? FILE_LINES_MAX));
    expect(long).toEqual([]);
  });

  it("imports only in the allowed directions", () => {
    const wrong = sources.flatMap((file) => {
      const top = file.split("/")[0] ?? "";
      return importsOf(file)
        .filter((target) => !(ALLOWED[top] ?? []).includes(target.split("/")[0] ?? ""))
        .map((target) => `${file} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("keeps the filter's core free of the proxy-wasm host", () => {
    const wrong = sources
      .filter((file) => /^filter\/[^/]+\.ts$|^filter\/kernel\//.test(file))
      .filter((file) => !["filter/index.ts", "filter/trap.ts", "filter/ignore.ts"].includes(file))
      .filter((file) => importsOf(file).some((target) => target.startsWith("filter/host/")));
    expect(wrong).toEqual([]);
  });

  it("writes the shared leaves as plain integer constants only", () => {
    const leaves = tracked.filter((file) => /^models\/[^/]+\.ts$/.test(file));
    const wrong = leaves.flatMap((file) =>
      read(file)
        .replace(/\/\*\*[\s\S]*?\*\//g, "")
        .split("\n")
        .map((line) => line.replace(/\/\/.*$/, "").trim())
        .filter((line) => line !== "")
        .filter((line) => {
          const match = /^export const [A-Z][A-Z0-9_]* = (0x[0-9a-f]+|[0-9]+);$/.exec(line);
          return !match || Number(match[1]) > 0x7fffffff;
        })
        .map((line) => `${file}: ${line}`),
    );
    expect(leaves.length).toBeGreaterThan(4);
    expect(wrong).toEqual([]);
  });

  it("names only paths that exist in README files", () => {
    const wrong = tracked
      .filter((file) => file.endsWith("README.md"))
      .flatMap((file) =>
        [...read(file).matchAll(/`((?:filter|control|models|envoy|istio|test)\/[\w./-]*)`/g)]
          .map((match) => match[1] ?? "")
          .filter((path) => !existsSync(join(ROOT, path)))
          .map((path) => `${file}: ${path}`),
      );
    expect(wrong).toEqual([]);
  });

  it("leaves nothing open on main and names no host of a registry", () => {
    const marks = new RegExp(
      ["TO" + "DO", "FIX" + "ME", "XX" + "X"].map((w) => `\\b${w}\\b`).join("|"),
    );
    const hosts = new RegExp(
      [
        "npm" + "js\\.",
        "py" + "pi\\.org",
        "python" + "hosted",
        "crates\\" + ".io",
        "maven\\" + ".org",
      ].join("|"),
    );
    const wrong = tracked
      .filter((file) => /\.(ts|mjs|js|py|md|yaml|json|proto|html)$|^\.|Dockerfile/.test(file))
      .filter((file) => marks.test(read(file)) || hosts.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it("pins every package to one version", () => {
    const manifest = JSON.parse(read("package.json"));
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))
      .map(([name]) => name);
    expect(loose).toEqual([]);
  });

  it("names every runtime dependency in the README with its reason", () => {
    const manifest = JSON.parse(read("package.json"));
    const readme = read("README.md");
    const missing = Object.keys(manifest.dependencies).filter(
      (name) => !new RegExp(`^\\|.*\`${name}\`.*\\| \\S`, "m").test(readme),
    );
    expect(missing).toEqual([]);
  });
});
