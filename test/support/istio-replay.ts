// Envoy on what a real istiod sent, with two applications behind it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../control/demo/ports.ts";
import { findEnvoy, waitFor } from "./envoy.ts";
import { type Ports, type Recordings, writeReplay } from "./istio-recording.ts";
import { ask } from "./load.ts";
import { atStrike } from "./stage.ts";

const FIXTURE = join(import.meta.dirname, "../fixtures/istio-1.31-dev.json");
const RECORDINGS = JSON.parse(readFileSync(FIXTURE, "utf8")) as Recordings;

export type Replay = {
  ports: Ports;
  /** HOST:PORT of Envoy's admin interface. */
  admin: string;
};

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** Ports of the applications, and of the control service, whether one listens there or not. */
export async function replay(
  which: keyof Recordings,
  given: Pick<Ports, "shop" | "bots" | "control">,
): Promise<Replay> {
  const folder = mkdtempSync(join(tmpdir(), "limen-replay-"));
  atStrike(async () => rmSync(folder, { recursive: true, force: true }));
  const ports = { listener: await findFreePort(), outbound: await findFreePort(), ...given };
  const bootstrap = writeReplay(RECORDINGS[which], ports, folder);
  const out = openSync(join(folder, "log"), "w");
  const adminPath = join(folder, "admin");
  const args = ["-c", bootstrap, "--concurrency", "1", "-l", "warning", "--disable-hot-restart"];
  args.push("--admin-address-path", adminPath);
  const child = spawn((await findEnvoy()) ?? "", args, { stdio: ["ignore", out, out] });
  atStrike(() => stop(child));
  await waitFor("the listener", async () => {
    const { status } = await ask(ports.listener);
    return status === 200 ? true : null;
  }).catch((thrown) => {
    throw new Error(readFileSync(join(folder, "log"), "utf8"), { cause: thrown });
  });
  return { ports, admin: readFileSync(adminPath, "utf8") };
}
