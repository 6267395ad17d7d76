import { resolve } from "node:path";
import { z } from "zod";

/** Events a hook may ask for. */
export const HOOK_EVENTS = ["alarm", "nack", "off", "on", "pushed"] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** Each hook holds a queue and a connection of its own, so their number has a bound. */
export const MAX_HOOKS = 8;

/** Where events are sent; `secret` is the path of a file. */
export type HookSettings = {
  url: string;
  on: readonly HookEvent[];
  secret?: string;
};

/** What is wrong with the address of a hook, or null. */
export function findUrlFault(text: string): string | null {
  const url = URL.parse(text);
  if (!url) return "not a URL; write it whole, as in https://HOST/PATH";
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return `${url.protocol.slice(0, -1)} is no protocol of a hook; use https or http`;
  }
  if (url.username !== "" || url.password !== "") {
    return 'a name or password in the URL is not sent; remove it and give "secret"';
  }
  return null;
}

const hookUrl = z.string().superRefine((text, context) => {
  const fault = findUrlFault(text);
  if (fault !== null) context.addIssue({ code: "custom", message: fault });
});

const hook = z.strictObject({
  url: hookUrl,
  on: z.array(z.enum(HOOK_EVENTS)).min(1, `at least one of ${HOOK_EVENTS.join(", ")}`),
  secret: z.string().min(1, "the path of a file").optional(),
});

/** The key `notify` of limen.yaml. */
export const notifySchema = z.array(hook).max(MAX_HOOKS, `at most ${MAX_HOOKS} hooks`).default([]);

/** Hooks with the paths of their secrets made absolute against the folder of limen.yaml. */
export function resolveHooks(
  hooks: z.output<typeof notifySchema>,
  folder: string,
): readonly HookSettings[] {
  return hooks.map(({ url, on, secret }) => ({
    url,
    on,
    ...(secret === undefined ? {} : { secret: resolve(folder, secret) }),
  }));
}
