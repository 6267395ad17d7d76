// `limen doctor` as a program, and what it found.
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Finding } from "../../control/doctor/finding.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");

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
