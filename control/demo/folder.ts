import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Ends what was opened in the opposite order, and goes on when one of them fails. */
export type Closers = { add(close: () => unknown): void; closeAll(): Promise<void> };

export function openClosers(): Closers {
  const closers: (() => unknown)[] = [];
  return {
    add: (close) => void closers.push(close),
    closeAll: async () => {
      for (let close = closers.pop(); close; close = closers.pop()) {
        try {
          await close();
        } catch {
          // What cannot be closed is gone already.
        }
      }
    },
  };
}

/** A folder for logs and state that goes away with the demo. */
export function openFolder(closers: Closers): string {
  const folder = mkdtempSync(join(tmpdir(), "limen-demo-"));
  closers.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
