import { resolve } from "node:path";

/**
 * A path as the person typed it: npm scripts run in the project's folder, and npm keeps the folder
 * the command was typed in as INIT_CWD.
 */
export function resolvePath(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
}
