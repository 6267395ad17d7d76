import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { LimenError } from "../errors.ts";

/** Read, write or run by others. */
const OTHERS = 0o007;

/** The text of a file that holds a secret; refused when others than owner and group reach it. */
export function readSecret(file: string): string {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (thrown) {
    throw new LimenError("input", `${file}: cannot be read; name a file that is there`, thrown);
  }
  try {
    // The mode of what is read, not of what the name points to a moment later.
    if ((fstatSync(handle).mode & OTHERS) !== 0) {
      throw new LimenError("input", `${file}: others can reach it; run "chmod o= ${file}"`);
    }
    return readFileSync(handle, "utf8");
  } finally {
    closeSync(handle);
  }
}
