// `limen run --envoy` as a person starts it: the real command line, service and Envoy.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { findFreePort } from "../../control/demo/ports.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { startApplication, strikeStage } from "../support/stage.ts";

const ROOT = join(import.meta.dirname, "../..");
const LIMEN = join(ROOT, "control/cli/limen.js");
const MODEL = join(ROOT, "models/bot");

let folder = "";
const running = new Set<ReturnType<typeof spawn>>();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-run-envoy-"));
});
afterEach(async () => {
  for (const child of running) child.kill("SIGTERM");
  await waitFor("limen run to end", () => (running.size === 0 ? true : null));
  rmSync(folder, { recursive: true });
  await strikeStage();
});

/** Tags at once, so that no request waits for an apply. */
function startRun(...args: string[]) {
  const listen = { xds: `${LOOPBACK}:0`, http: `${LOOPBACK}:0` };
  const settings = { limen: 1, models: [MODEL], listen, bot: { mode: "tag" } };
  writeFileSync(join(folder, "limen.yaml"), JSON.stringify(settings));
  const env = { ...process.env, INIT_CWD: folder };
  const words = [LIMEN, "run", "-f", "limen.yaml", "--envoy", ...args];
  const child = spawn(process.execPath, words, { cwd: folder, env });
  running.add(child);
  const said = { text: "" };
  child.stderr.on("data", (part) => {
    said.text += part;
  });
  const ended = new Promise<number | null>((resolve) =>
    child.once("close", (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  const untilSaid = (pattern: RegExp): Promise<string> =>
    waitFor(
      String(pattern),
      () => {
        if (child.exitCode !== null) return `ended: ${said.text}`;
        return pattern.exec(said.text)?.[1] ?? null;
      },
      60_000,
    );
  return { child, said, ended, untilSaid };
}

/** Runs what the person is told to try until the answer satisfies. */
function tryUntil<Answer>(line: string, read: (text: string) => Answer | null): Promise<Answer> {
  return waitFor(line, () => read(spawnSync("bash", ["-c", line], { encoding: "utf8" }).stdout));
}

const TRY = /^try {2}(.*)$/m;
const freeListen = async (): Promise<string> => `${LOOPBACK}:${await findFreePort()}`;

/** The one child that is Envoy (Linux). */
function envoyOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const found = children.find((each) =>
    readFileSync(`/proc/${each}/cmdline`, "utf8").includes("envoy.json"),
  );
  return Number(found);
}

describe("limen run --envoy", () => {
  itOnEnvoy("prints a curl whose answer shows the tag, from the other upstream", async () => {
    const { untilSaid } = startRun("--envoy-listen", await freeListen());
    const line = await untilSaid(TRY);
    const answer = await tryUntil(line, (text) => {
      const echo = JSON.parse(text || "{}");
      return echo.upstream === "tagged" ? echo : null;
    });
    expect(answer.tags).toEqual({ "x-limen-bot": "bot" });
  });

  itOnEnvoy("ends Envoy and service on SIGTERM, with 0", async () => {
    const listen = await freeListen();
    const { child, ended, untilSaid } = startRun("--envoy-listen", listen);
    await untilSaid(TRY);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    await expect(fetch(`http://${listen}/`)).rejects.toThrow("fetch failed");
  });

  itOnEnvoy("ends with 1 and says so when Envoy ends by itself", async () => {
    const { child, said, ended, untilSaid } = startRun("--envoy-listen", await freeListen());
    await untilSaid(TRY);
    process.kill(envoyOf(child.pid ?? 0), "SIGKILL");
    expect(await ended).toBe(1);
    expect(said.text).toMatch(/^limen: Envoy ended \(SIGKILL\)/m);
  });

  itOnEnvoy("sends to the upstream it is given", async () => {
    const shop = await startApplication("shop");
    const upstream = `${shop.address.host}:${shop.address.port}`;
    const listen = await freeListen();
    const { untilSaid } = startRun("--envoy-listen", listen, "--upstream", upstream);
    await untilSaid(TRY);
    const reply = await fetch(`http://${listen}/`);
    expect(reply.headers.get("x-upstream")).toBe("shop");
  });

  itOnEnvoy("names the flag when somebody has its port, and leaves nothing running", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, LOOPBACK, resolve));
    const { port } = taken.address() as { port: number };
    const { said, ended } = startRun("--envoy-listen", `${LOOPBACK}:${port}`);
    expect(await ended).toBe(1);
    taken.close();
    expect(said.text).toMatch(/:\d+ is taken; .*--envoy-listen/);
  });
});
