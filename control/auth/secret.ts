import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { LimenError } from "../errors.ts";

/** Read, write or run by others. */
const OTHERS = 0o007;

/** What a file that cannot be read asks for. */
const NAME_ONE = "name a file that is there";

/**
 * The text of a file that holds a secret; refused when others than owner and group reach it. Errors
 * begin with `what` and the file, and never say what is in it.
 */
export function readSecret(file: string, what = "", todo = NAME_ONE): string {
  const where = what === "" ? file : `${what} ${file}`;
  const refuse = (text: string, thrown?: unknown): never => {
    throw new LimenError("input", `${where}: ${text}`, thrown);
  };
  const unreadable = (thrown: unknown): never => {
    const code = (thrown as NodeJS.ErrnoException).code ?? "error";
    return refuse(`cannot be read (${code}); ${todo}`, thrown);
  };
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (thrown) {
    return unreadable(thrown);
  }
  try {
    // The mode of what is read, not of what the name points to a moment later.
    if ((fstatSync(handle).mode & OTHERS) !== 0) {
      return refuse(`others can reach it; run "chmod o= ${file}"`);
    }
    return readText(handle, unreadable);
  } finally {
    closeSync(handle);
  }
}

/** What opens may still not read: a folder does. */
function readText(handle: number, unreadable: (thrown: unknown) => never): string {
  try {
    return readFileSync(handle, "utf8");
  } catch (thrown) {
    return unreadable(thrown);
  }
}
