import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BootstrapOptions, buildBootstrap } from "../envoy/bootstrap.ts";
import type { ResolvedEnvoy } from "../envoy/resolve.ts";
import { type Child, startChild, waitForChild } from "./child.ts";
import { findFreePort, HOST } from "./ports.ts";

export type RunningEnvoy = { child: Child; url: URL; adminUrl: URL };

/** A cold binary of 100 MB on a busy disk takes seconds. */
const READY_MS = 30_000;

async function isReady(adminPort: number): Promise<boolean> {
  try {
    return (await fetch(`http://${HOST}:${adminPort}/ready`)).ok;
  } catch {
    return false;
  }
}

/** Starts an Envoy with this bootstrap in a folder and waits until it serves. */
export async function startProxy(
  envoy: ResolvedEnvoy,
  folder: string,
  port: number,
  bootstrap: Omit<BootstrapOptions, "admin" | "listener" | "node">,
  signal?: AbortSignal,
): Promise<RunningEnvoy> {
  const adminPort = await findFreePort();
  const file = join(folder, "envoy.json");
  const whole = buildBootstrap({
    ...bootstrap,
    node: { id: "demo-1", cluster: "demo" },
    admin: { host: HOST, port: adminPort },
    listener: { host: HOST, port },
  });
  writeFileSync(file, JSON.stringify(whole));
  const child = startChild({
    name: "Envoy",
    file: envoy.path,
    args: ["-c", file, "--log-level", "warning", "--disable-hot-restart", "--concurrency", "1"],
    cwd: folder,
    logFile: join(folder, "envoy.log"),
  });
  try {
    await waitForChild(child, () => isReady(adminPort), READY_MS, signal);
  } catch (thrown) {
    await child.stop();
    throw thrown;
  }
  const at = (own: number): URL => new URL(`http://${HOST}:${own}`);
  return { child, url: at(port), adminUrl: at(adminPort) };
}
