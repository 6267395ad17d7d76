import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { z } from "zod";
import { LimenError } from "../../errors.ts";
import type { Outgoing } from "../client.ts";

/** A request of a JSONL file; other keys (labels, ids) are passed over. */
const rowSchema = z.object({
  method: z.string().regex(/^[A-Za-z!#$%&'*+.^_`|~0-9-]+$/, "an HTTP method"),
  path: z.string().min(1).startsWith("/", "a path that begins with /"),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
});

function describeProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  const key = issue?.path.join(".") ?? "";
  return `${key === "" ? "" : `"${key}": `}${issue?.message ?? "not a request"}`;
}

/** The request of one line; `where` (FILE:LINE) begins the error of a bad one. */
export function parseRow(line: string, where: string): Outgoing {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LimenError(
      "input",
      `${where}: not JSON; each line is one {"method", "path", "headers"}`,
    );
  }
  const parsed = rowSchema.safeParse(value);
  if (!parsed.success) {
    throw new LimenError(
      "input",
      `${where}: ${describeProblem(parsed.error)}; fix or delete the line`,
    );
  }
  const { method, path, headers, body } = parsed.data;
  const host = Object.entries(headers).find(([name]) => name.toLowerCase() === "host")?.[1];
  return {
    method,
    path,
    headers,
    ...(host === undefined ? {} : { authority: host }),
    ...(body === undefined || body === "" ? {} : { body }),
  };
}

/** The requests of a .jsonl or .jsonl.gz file, in order; empty lines are passed over. */
export async function* readRows(file: string): AsyncGenerator<Outgoing> {
  if (!existsSync(file)) throw new LimenError("input", `${file}: no such file`);
  const raw = createReadStream(file);
  const stream = file.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  raw.on("error", (error) => stream.destroy(error));
  let line = 0;
  try {
    for await (const text of createInterface({
      input: stream,
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      line += 1;
      if (text.trim() !== "") yield parseRow(text, `${file}:${line}`);
    }
  } catch (thrown) {
    if (thrown instanceof LimenError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new LimenError("input", `${file}:${line + 1}: cannot be read (${reason})`, thrown);
  } finally {
    raw.destroy();
  }
}
