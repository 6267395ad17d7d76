import { z } from "zod";

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
export const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `90s`, `1h`, `250ms`. */
export const duration = z
  .string()
  .regex(DURATION, "a duration like 250ms, 30s, 5m, 1h, 7d")
  .transform((text) => {
    const [, count, unit] = DURATION.exec(text) ?? [];
    return Number(count) * UNIT_MS[(unit ?? "s") as keyof typeof UNIT_MS];
  });
