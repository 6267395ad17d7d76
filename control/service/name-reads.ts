import type { EventLog } from "../events/log.ts";
import type { History } from "../history/history.ts";

/**
 * The log to a process that folds decisions and does not decide. A table is in the history before
 * any proxy decides by it: after another look at the history every decision that was read can be
 * named. Reads that end while a look waits for its turn share it.
 */
export function nameReads(log: EventLog, history: Pick<History, "refresh">): EventLog {
  let under: Promise<unknown> = Promise.resolve();
  let coming: Promise<unknown> | undefined;
  const look = async (): Promise<void> => {
    await under.catch(() => undefined);
    coming = undefined;
    under = history.refresh();
    await under;
  };
  return {
    ...log,
    read: async (topic, ...place) => {
      const events = await log.read(topic, ...place);
      if (topic !== "limen.decisions" || events.length === 0) return events;
      coming ??= look();
      await coming;
      return events;
    },
  };
}
