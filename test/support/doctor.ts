// `limen doctor` as a program, what it found, and a service for it to ask.
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Finding } from "../../control/doctor/finding.ts";
import { type Service, startService } from "../../control/service.ts";
import { parseSettings } from "../../control/settings.ts";
import { LOOPBACK } from "./envoy.ts";
import { atStrike } from "./stage.ts";

const ROOT = join(import.meta.dirname, "../..");
const LIMEN = join(ROOT, "control/cli/limen.js");

type Ran = { code: number | null; out: string; err: string };

/** Not in one step: the service it asks may be in this process. */
export function runLimen(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [LIMEN, ...args], (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

export async function runDoctor(...args: string[]) {
  const { code, out, err } = await runLimen("doctor", ...args, "-o", "json");
  if (out === "") throw new Error(err);
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  const find = (check: string): Finding | undefined =>
    findings.find((each) => each.check === check);
  const wrong = findings.filter(({ state }) => state === "fail").map(({ check }) => check);
  return { code, findings, find, wrong };
}

/** A service that tags each script, with its log in the folder; closed with the stage, or before. */
export async function openService(folder: string): Promise<Service> {
  const listen = { xds: `${LOOPBACK}:0`, http: `${LOOPBACK}:0` };
  // No audit: each request a script makes is tagged.
  const bot = { mode: "tag", audit: 0 };
  const raw = { limen: 1, models: [join(ROOT, "models/bot")], listen, bot };
  const service = await startService(parseSettings(raw, null, folder), () => undefined);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= service.close();
    return closing;
  };
  atStrike(close);
  return { ...service, close };
}
