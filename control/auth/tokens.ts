import { createHash, timingSafeEqual } from "node:crypto";
import { statSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { LimenError } from "../errors.ts";
import type { Identity, Role } from "./roles.ts";
import { readSecret } from "./secret.ts";

/** 128 bits in hex: what nobody guesses, however often they try. */
export const TOKEN_LENGTH_MIN = 32;
/** A call compares with all of them. */
export const MAX_TOKENS = 256;

/** A token as it is kept: the token itself is forgotten once it was hashed. */
export type Token = { name: string; role: Role; hash: Buffer };

const SHORT = `at least ${TOKEN_LENGTH_MIN} characters; make one with "openssl rand -hex 32"`;
/** Who else stands in the history; a blank would let a name look like "ann via loopback". */
const TAKEN = ["limen", "loopback", "mesh"];
const name = z
  .string()
  .regex(/^[\w.@-]{1,200}$/, "letters, digits, . _ @ -, at most 200")
  .refine((text) => !TAKEN.includes(text), `none of ${TAKEN.join(", ")}`);
const role = z.enum(["labeler", "reader", "operator"] satisfies readonly Role[]);
const tokensSchema = z
  .array(
    z
      .strictObject({
        name,
        role,
        token: z
          .string("a text; put it in quotes")
          .min(TOKEN_LENGTH_MIN, SHORT)
          .regex(/^[\x21-\x7e]+$/, "visible ASCII without blanks")
          .optional(),
        sha256: z
          .string("a text; put it in quotes")
          .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits, in lower case")
          .optional(),
      })
      .refine((one) => (one.token === undefined) !== (one.sha256 === undefined), {
        error: 'one of "token" and "sha256"',
      }),
  )
  .min(1, "at least one token")
  .max(MAX_TOKENS, `at most ${MAX_TOKENS} tokens`);

const hashText = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Reads the text of a tokens file. No message of it repeats any of the text. */
export function parseTokens(text: string, file: string): readonly Token[] {
  const document = parseDocument(text, { version: "1.2", prettyErrors: false });
  if (document.errors.length > 0) {
    throw new LimenError("input", `${file}: not YAML; write a list of {name, role, token}`);
  }
  const checked = tokensSchema.safeParse(document.toJS());
  if (!checked.success) throw describeIssue(checked.error.issues[0], file);
  const tokens = checked.data.map((entry) => ({
    name: entry.name,
    role: entry.role,
    hash: entry.sha256 ? Buffer.from(entry.sha256, "hex") : hashText(entry.token ?? ""),
  }));
  checkTwice(file, "name", (token) => token.name, tokens);
  checkTwice(file, "token", (token) => token.hash.toString("hex"), tokens);
  return tokens;
}

/** A key that is not known may be a token put in the wrong place, so it is not named. */
function describeIssue(issue: z.core.$ZodIssue | undefined, file: string): LimenError {
  const isKey = issue?.code === "unrecognized_keys";
  const what = isKey ? "a key other than name, role, token, sha256" : (issue?.message ?? "");
  const [entry, key] = issue?.path ?? [];
  const at = entry === undefined ? "" : `entry ${Number(entry)}${key ? ` ${String(key)}` : ""}: `;
  return new LimenError("input", `${file}: ${at}${what}; correct the file`);
}

function checkTwice(
  file: string,
  what: string,
  keyOf: (token: Token) => string,
  tokens: readonly Token[],
): void {
  const keys = tokens.map(keyOf);
  const at = keys.findIndex((key, index) => keys.indexOf(key) < index);
  if (at < 0) return;
  const text = `${file}: entry ${at} has the ${what} of another; give each its own`;
  throw new LimenError("input", text);
}

/** Whose token that is; the time taken does not depend on the token. */
export function findToken(tokens: readonly Token[], presented: string): Identity | null {
  const hash = hashText(presented);
  let found: Token | null = null;
  for (const token of tokens) if (timingSafeEqual(token.hash, hash)) found = token;
  return found && { kind: "token", name: found.name, role: found.role };
}

export type TokenStore = { find(presented: string): Identity | null };

/**
 * The tokens of a file, read again when it changes. Throws for a file that is wrong at the start; a
 * later one that is wrong is told to `say`, and the tokens before it stay.
 */
export function openTokens(file: string, say: (line: string) => void): TokenStore {
  const mark = (): string => {
    const { ino, mtimeMs, size, mode } = statSync(file);
    return `${ino} ${mtimeMs} ${size} ${mode}`;
  };
  const read = (): readonly Token[] => parseTokens(readSecret(file), file);
  let seen = statSync(file, { throwIfNoEntry: false }) ? mark() : "";
  let tokens = read();
  const refresh = (): void => {
    let next = "gone";
    try {
      next = mark();
      if (next === seen) return;
      tokens = read();
    } catch (thrown) {
      const { message } = LimenError.from(thrown, file);
      if (next !== seen) say(`${message}; the tokens read before stay`);
    }
    seen = next;
  };
  return {
    find(presented) {
      refresh();
      return findToken(tokens, presented);
    },
  };
}
