/** What went wrong, in the classes the exit code speaks of. */
export type Code = "usage" | "input" | "refused" | "missing" | "unavailable" | "internal";

/** The one error of Limen: a line that says what, where, and what to do. */
export class LimenError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LimenError";
    this.code = code;
  }

  /** Any thrown value as a LimenError; one of ours stays itself. */
  static from(thrown: unknown, doing: string): LimenError {
    if (thrown instanceof LimenError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new LimenError("internal", `${doing}: ${text}`, thrown);
  }

  /** 2 for words of the command line, 1 for all else. */
  get exitCode(): number {
    return this.code === "usage" ? 2 : 1;
  }
}
