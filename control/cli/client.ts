import type { Command } from "commander";
import { LimenError } from "../errors.ts";

/** The service a verb talks to: --server, else LIMEN_SERVER, else the default port. */
export function serverOf(command: Command): string {
  const given = command.optsWithGlobals<{ server: string }>().server;
  const chosen = command.parent?.getOptionValueSource("server") === "cli";
  return (chosen ? given : (process.env["LIMEN_SERVER"] ?? given)).replace(/\/$/, "");
}

/** One call of the HTTP API. Throws "unavailable" when nobody answers, else the service's error. */
export async function callService<Answer>(
  server: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`${server}${path}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(10_000),
    });
  } catch (thrown) {
    throw new LimenError(
      "unavailable",
      `no service answers at ${server}; start one with "limen run", or name it by --server`,
      thrown,
    );
  }
  const value = (await response.json().catch(() => null)) as {
    error?: { code: "input"; message: string };
  } | null;
  if (!response.ok || value === null) {
    const error = value?.error;
    throw new LimenError(
      error?.code ?? "internal",
      error?.message ?? `${server}${path} answered ${response.status} without JSON`,
    );
  }
  return value as Answer;
}
