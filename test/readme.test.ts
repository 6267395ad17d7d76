import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");

/** Lines that start something long, with the place that runs them. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "npm ci && npm run demo": "test/envoy/demo.test.ts",
  "npm ci && npm test": ".ci/run",
  "npm run envoy -- -c envoy/xds.yaml": "test/envoy/examples.test.ts",
};

type Line = { file: string; line: string };

function listShellLines(): Line[] {
  const files = execFileSync("git", ["ls-files", "*README.md"], { cwd: ROOT, encoding: "utf8" });
  return files
    .trim()
    .split("\n")
    .flatMap((file) =>
      [
        ...readFileSync(join(ROOT, file), "utf8").matchAll(
          /^```(?:sh|bash|shell)\n([\s\S]*?)^```/gm,
        ),
      ]
        .flatMap(([, block = ""]) => block.split("\n"))
        .map((line) => line.replace(/\s+#.*$/, "").trim())
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => ({ file, line })),
    );
}

const lines = listShellLines();
/** Where lines run that are not about the checkout: what they write goes with it. */
const elsewhere = mkdtempSync(join(tmpdir(), "limen-readme-"));
afterAll(() => rmSync(elsewhere, { recursive: true }));

describe("README.md", () => {
  it("shows the run of the demo that control/demo/demo.txt holds", () => {
    const shown = /<!-- demo: begin -->\n```text\n([\s\S]*?)```\n<!-- demo: end -->/.exec(
      readFileSync(join(ROOT, "README.md"), "utf8"),
    );
    expect(shown?.[1]).toBe(readFileSync(join(ROOT, "control/demo/demo.txt"), "utf8"));
  });
});

describe("shell blocks of the README files", () => {
  it("are there", () => {
    expect(lines.length).toBeGreaterThan(3);
  });

  const here = lines.filter(({ line }) => !(line in RUN_ELSEWHERE));
  it.each(here.map(({ file, line }) => [file, line] as const))("%s: %s", (_, line) => {
    const cwd = /^(npm|npx) /.test(line) ? ROOT : elsewhere;
    const ran = spawnSync("bash", ["-c", line], { cwd, encoding: "utf8", timeout: 60_000 });
    expect(ran.status, `${ran.stdout}\n${ran.stderr}`).toBe(0);
  });

  it("name the place that runs what is not run here", () => {
    const missing = Object.values(RUN_ELSEWHERE).filter((place) => {
      const found = spawnSync("git", ["ls-files", "--error-unmatch", place], { cwd: ROOT });
      return found.status !== 0;
    });
    expect(missing).toEqual([]);
  });
});
