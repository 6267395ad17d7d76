import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second (USER_HZ, fixed in its interface). */
const TICK_MS = 10;

/** User and system time from /proc/PID/stat; fields 14 and 15, after the name in parentheses. */
export function parseProcStat(text: string): number {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Milliseconds of `ps -o time=`: [[DD-]HH:]MM:SS[.hh]. */
export function parsePsTime(text: string): number {
  const [days, clock] = text.includes("-") ? text.split("-") : ["0", text];
  const seconds = (clock ?? "")
    .trim()
    .split(":")
    .reduce((sum, part) => sum * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1000);
}

/** CPU milliseconds a process has used so far; null when the system does not tell. */
export function readCpuMs(pid: number): number | null {
  const stat = `/proc/${pid}/stat`;
  try {
    if (existsSync(stat)) return parseProcStat(readFileSync(stat, "utf8"));
    return parsePsTime(
      execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" }),
    );
  } catch {
    return null;
  }
}
