/** `skipped`: what would show it was not given, or cannot be seen from here. */
export type FindingState = "ok" | "warn" | "fail" | "skipped";

export type Finding = {
  check: string;
  state: FindingState;
  /** What was seen, and where. */
  seen: string;
  /** What to do; empty when there is nothing to do. */
  todo: string;
};

export const ok = (check: string, seen: string): Finding => ({
  check,
  state: "ok",
  seen,
  todo: "",
});

export const warn = (check: string, seen: string, todo: string): Finding => ({
  check,
  state: "warn",
  seen,
  todo,
});

export const fail = (check: string, seen: string, todo: string): Finding => ({
  check,
  state: "fail",
  seen,
  todo,
});

export const skip = (check: string, seen: string, todo: string): Finding => ({
  check,
  state: "skipped",
  seen,
  todo,
});
