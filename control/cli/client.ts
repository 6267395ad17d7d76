import { readFileSync } from "node:fs";
import { setDefaultCACertificates } from "node:tls";
import type { Command } from "commander";
import { ANSWER_MS } from "../api/in-time.ts";
import { readSecret } from "../auth/secret.ts";
import { type Code, LimenError } from "../errors.ts";
import { resolvePath } from "./paths.ts";

/** How to be let in: a token, and the authority of the service's certificate in PEM. */
type Access = { token: string | null; ca: string | null };

/** Access to the services of this command line, by URL. */
const accesses = new Map<string, Access>();

/** A person waits; the service gives up first, and says why. */
const CALL_MS = ANSWER_MS + 2_000;
/** For what may read much of the event log, one read of which gives up after 10 s. */
export const READING_MS = 30_000;

type Globals = { server: string; tokenFile?: string; ca?: string };

/**
 * The service a verb talks to: --server, else LIMEN_SERVER, else the default port. Reads the files
 * of --token-file (or LIMEN_TOKEN_FILE) and --ca, which calls to it go with.
 */
export function serverOf(command: Command): string {
  const options = command.optsWithGlobals<Globals>();
  const given = options.server;
  const chosen = command.parent?.getOptionValueSource("server") === "cli";
  const server = (chosen ? given : (process.env["LIMEN_SERVER"] ?? given)).replace(/\/$/, "");
  const tokenFile = options.tokenFile ?? process.env["LIMEN_TOKEN_FILE"];
  accesses.set(server, {
    token: tokenFile ? readToken(resolvePath(tokenFile)) : null,
    ca: options.ca === undefined ? null : readCa(resolvePath(options.ca)),
  });
  return server;
}

function readToken(file: string): string {
  const token = readSecret(file).trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new LimenError("input", `${file}: no token; write it there alone, on one line`);
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw new LimenError("input", `--ca ${file}: cannot be read; name a file in PEM`, thrown);
  }
}

/** Trusts that authority and no other, for this process. */
function trust(ca: string): void {
  try {
    setDefaultCACertificates([ca]);
  } catch (thrown) {
    throw new LimenError("input", "--ca: no certificate in PEM; name the authority's file", thrown);
  }
}

/** Codes of OpenSSL for a certificate that is not believed, and Node's for a wrong name. */
const DISTRUST = /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER/;

/** What a TLS listener does with plaintext: it ends the connection, or answers in TLS. */
const TALKS_TLS = /^(ECONNRESET|UND_ERR_SOCKET|HPE_)/;

function describeFailure(server: string, thrown: Error, callMs: number): string {
  if (thrown.name === "TimeoutError") {
    return `${server} gave no answer within ${callMs / 1000} s; its log may say why, as when the event log is away`;
  }
  const code = String((thrown.cause as { code?: unknown } | undefined)?.code ?? "");
  if (DISTRUST.test(code)) {
    return `the certificate of ${server} is not believed (${code}); name its authority by --ca`;
  }
  if (server.startsWith("http:") && TALKS_TLS.test(code)) {
    return `${server} does not speak plain HTTP (${code}); a service off loopback is at https://`;
  }
  return `no service answers at ${server}; start one with "limen run", or name it by --server`;
}

type Failed = { error?: { code: Code; message: string } } | null;

function readError(url: string, status: number, value: unknown): LimenError {
  const error = (value as Failed)?.error;
  if (!error) return new LimenError("internal", `${url} answered ${status} without JSON`);
  const hint = status === 401 ? "; name a file with a token by --token-file" : "";
  return new LimenError(error.code, `${error.message}${hint}`);
}

/** One call of the HTTP API. Throws "unavailable" when nobody answers, else the service's error. */
export async function callService<Answer>(
  server: string,
  path: string,
  body?: unknown,
  callMs = CALL_MS,
): Promise<Answer> {
  const { token, ca } = accesses.get(server) ?? { token: null, ca: null };
  if (ca !== null) trust(ca);
  let response: Response;
  try {
    response = await fetch(`${server}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(callMs),
    });
  } catch (thrown) {
    throw new LimenError("unavailable", describeFailure(server, thrown as Error, callMs), thrown);
  }
  const value: unknown = await response.json().catch(() => null);
  if (!response.ok || value === null) throw readError(`${server}${path}`, response.status, value);
  return value as Answer;
}
