import { LimenError } from "../errors.ts";

/** Says what fails of one thing that is tried again and again: once, until it works or fails in
 * another way; and that it works again. */
export type SayOnce = {
  failed(thrown: unknown): void;
  worked(): void;
};

type Say = (line: string) => void;
/** What of a process failed as the event log is away, and when last, in milliseconds. */
type Outage = Map<SayOnce, number>;

/** Longer than one try and the pause behind it take. What failed last before that works, is not
 * tried any more, or had nothing to do since; it does not hold the end back. */
const STALE_MS = 25_000;

/** By the way a process says things: its parts share that, and the log. */
const outages = new WeakMap<Say, Outage>();

const isAway = ({ code, message }: LimenError): boolean =>
  code === "unavailable" && message.startsWith("event log ");

/** True for the first that finds the log away. */
function begin(say: Say, part: SayOnce, now: number): boolean {
  const outage = outages.get(say);
  if (outage === undefined) outages.set(say, new Map([[part, now]]));
  else outage.set(part, now);
  return outage === undefined;
}

/** Says that the log is back once nothing fails any more. */
function end(say: Say, part: SayOnce, now: number): void {
  const outage = outages.get(say);
  if (outage === undefined) return;
  outage.delete(part);
  if ([...outage.values()].some((at) => now - at < STALE_MS)) return;
  outages.delete(say);
  say("event log: works again");
}

/**
 * `what` begins the line that it works again, and says what was done when the error does not. That
 * the event log is away is said once for all that share `say`, and so that it is back.
 */
export function createSayOnce(what: string, say: Say, now: () => number = Date.now): SayOnce {
  let said = "";
  const part: SayOnce = {
    failed(thrown) {
      const error = LimenError.from(thrown, what);
      if (isAway(error)) {
        if (begin(say, part, now())) say(error.message);
        return;
      }
      if (error.message !== said) say(error.message);
      said = error.message;
    },
    worked() {
      end(say, part, now());
      if (said !== "") say(`${what}: works again`);
      said = "";
    },
  };
  return part;
}
