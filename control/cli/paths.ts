import { resolve } from "node:path";
import { INSTALLATION, placeWork } from "../installation.ts";

/** The folder the person stands in. */
export const workFolder = (): string => placeWork(INSTALLATION, process.env);

/** A path as the person typed it, also below `npm run`. */
export function resolvePath(path: string): string {
  return resolve(workFolder(), path);
}
