// Istio's command line, offline.
import { execFile } from "node:child_process";
import { programOf } from "./programs.ts";

const TIMEOUT_MS = 30_000;
const BUFFER_BYTES = 64 * 1024 * 1024;

export type Answer = { code: number; stdout: string; stderr: string };

export function runIstioctl(...args: readonly string[]): Promise<Answer> {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  const options = { timeout: TIMEOUT_MS, maxBuffer: BUFFER_BYTES, env };
  return new Promise((resolve) => {
    execFile(programOf("istioctl"), args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}
