import { LimenError } from "../errors.ts";
import { findUrlFault, type HookSettings } from "../settings-notify.ts";
import { HOOK_DEFAULTS, type HookCounters, type HookParts, startHook } from "./hook.ts";
import { type NotifyEvent, writeMessage } from "./message.ts";
import { readKey } from "./sign.ts";

export type { NotifyEvent } from "./message.ts";

export type Notifier = {
  /** Never throws and never waits; after close the event is counted as dropped. */
  notify(event: NotifyEvent): void;
  /** One for each hook, in the order of the settings; `to` is scheme and host. */
  counters(): readonly ({ to: string } & HookCounters)[];
  /** Sends what waits, each once more, for at most five seconds. */
  close(): Promise<void>;
};

/** What a test sets to be done in less than minutes; the rest takes the defaults. */
type Timing = Partial<Pick<HookParts, "random" | "wait" | "timeoutMs" | "closeMs">>;

export type NotifierParts = {
  hooks: readonly HookSettings[];
  now: () => number;
  /** Takes a line for the operator; no secret and no path of a URL is in it. */
  say: (line: string) => void;
} & Timing;

/** Starts the hooks. Throws "input" for a bad URL and for a secret that cannot be read. */
export function createNotifier({ hooks, now, say, ...timing }: NotifierParts): Notifier {
  const tell = (line: string): void => {
    try {
      say(line);
    } catch {
      // Nothing is left to tell it to, and the queue has to go on.
    }
  };
  const checked = hooks.map((settings, index) => {
    const fault = findUrlFault(settings.url);
    if (fault !== null) throw new LimenError("input", `notify.${index}.url: ${fault}`);
    return { settings, key: settings.secret === undefined ? null : readKey(settings.secret) };
  });
  const started = checked.map(({ settings, key }) =>
    startHook({ ...HOOK_DEFAULTS, ...timing, settings, key, now, say: tell }),
  );
  return {
    notify(event) {
      try {
        const message = writeMessage(event);
        for (const hook of started) if (hook.wants(message)) hook.add(message);
      } catch (thrown) {
        tell(LimenError.from(thrown, "notify: an event that cannot be written").message);
      }
    },
    counters: () => started.map((hook) => ({ to: hook.to, ...hook.counters() })),
    async close() {
      await Promise.all(started.map((hook) => hook.close()));
    },
  };
}
