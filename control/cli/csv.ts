import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { resolvePath } from "./paths.ts";

const CHUNK_LINES = 512;

async function* joinLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk: string[] = [];
  for await (const line of lines) {
    chunk.push(line);
    if (chunk.length < CHUNK_LINES) continue;
    yield `${chunk.join("\n")}\n`;
    chunk = [];
  }
  if (chunk.length > 0) yield `${chunk.join("\n")}\n`;
}

/**
 * Lines to a file, else to standard output. A reader that goes away early (`| head`) is no error;
 * lines written before a failure stay.
 */
export async function writeLines(lines: AsyncIterable<string>, file?: string): Promise<void> {
  const target = file === undefined ? process.stdout : createWriteStream(resolvePath(file));
  try {
    await pipeline(Readable.from(joinLines(lines)), target, { end: file !== undefined });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EPIPE") throw thrown;
  }
}

/** Counts on standard error, once a second, on a terminal only. */
export function openCounter(what: string): { count: () => void; end: () => void } {
  const live = process.stderr.isTTY === true && process.stdout.isTTY !== true;
  let [done, shown, open] = [0, performance.now(), false];
  return {
    count() {
      done += 1;
      if (!live || done % 256 !== 0 || performance.now() - shown < 1000) return;
      shown = performance.now();
      open = true;
      process.stderr.write(`\r\x1b[2K${what}: ${done}`);
    },
    end: () => void (open && process.stderr.write("\r\x1b[2K")),
  };
}

/** A cell of CSV. */
export function quoteCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
