import type { HistoryEvent, What } from "./event.ts";

export type LiveTable = {
  bytes: Uint8Array;
  serial: number;
  digest: string;
  resourceDigest: string;
  learnedCuts: Readonly<Record<string, number>>;
  at: number;
};

/** What the events so far add up to. */
export type Live = {
  /** The table every proxy shall have; null before the first. */
  table: LiveTable | null;
  /** The last table pushed by `pushed`: what `on` goes back to. */
  acting: LiveTable | null;
  /** The highest serial seen; the next table has a higher one. */
  serial: number;
  /** Set by `off`, until `on`: holds learning. */
  off: { by: string; why: string; at: number } | null;
  /** What operators set since the beginning, the newest of each key. */
  applied: Readonly<Record<string, string>>;
  /** Bytes that nodes refused, oldest first. */
  refused: readonly { node: string; resource: string; digest: string }[];
  /** The last alarm, until `on`: with onDrift hold nothing is learned meanwhile. */
  alarm: { at: number; why: string } | null;
  /** Epochs of certified objectives, as they were written. */
  epochs: Readonly<Record<string, string>>;
  /** Serial of the newest claim, and who made it: only that process decides. 0 without a claim. */
  term: number;
  decider: string;
};

export const NOTHING_LIVE: Live = {
  table: null,
  acting: null,
  serial: 0,
  off: null,
  applied: {},
  refused: [],
  alarm: null,
  epochs: {},
  term: 0,
  decider: "",
};

/** What only the process that decides may write. `off` is not among them: any process may stop. */
const DECIDED: readonly string[] = [
  "proposed",
  "refused",
  "pushed",
  "on",
  "applied",
  "alarm",
  "epoch",
] satisfies What[];

export const isDecided = (what: string): boolean => DECIDED.includes(what);

/** Refusals kept; the oldest go first. */
export const REFUSED_MAX = 10_000;

/**
 * One more event. An entry that came twice, or a table with a serial that does not grow, changes
 * nothing: the log may hold the same batch twice. Nor does what a decider wrote after another one
 * claimed, nor the second of two claims of one serial: so the log itself says who decides.
 */
export function replayEvent(before: Live, event: HistoryEvent): Live {
  if (isDecided(event.what) && event.term < before.term) return before;
  const began = Object.keys(event.epochs).length > 0;
  const live = began ? { ...before, epochs: { ...before.epochs, ...event.epochs } } : before;
  switch (event.what) {
    case "pushed":
      return replayTable(live, event, true);
    case "off": {
      const off = live.off ?? { by: event.by, why: event.why, at: event.at };
      return { ...replayTable(live, event, false), off };
    }
    case "on":
      return { ...replayTable(live, event, true), off: null, alarm: null };
    case "alarm":
      return { ...live, alarm: { at: event.at, why: event.why } };
    case "applied":
      return { ...live, applied: { ...live.applied, ...event.applied } };
    case "nacked":
      return replayNack(live, event);
    case "claimed":
      return replayClaim(live, event);
    default:
      return live;
  }
}

/** The state after all events, in the order of the log. */
export function replayHistory(events: Iterable<HistoryEvent>, from: Live = NOTHING_LIVE): Live {
  let live = from;
  for (const event of events) live = replayEvent(live, event);
  return live;
}

function replayTable(live: Live, event: HistoryEvent, isActing: boolean): Live {
  if (event.table.length === 0 || event.tableSerial <= live.serial) return live;
  const table: LiveTable = {
    bytes: event.table,
    serial: event.tableSerial,
    digest: event.tableDigest,
    resourceDigest: event.resourceDigest,
    learnedCuts: event.learnedCuts,
    at: event.at,
  };
  return { ...live, table, serial: table.serial, acting: isActing ? table : live.acting };
}

function replayClaim(live: Live, { tableSerial, by }: HistoryEvent): Live {
  if (tableSerial <= live.serial) return live;
  return { ...live, serial: tableSerial, term: tableSerial, decider: by };
}

function replayNack(live: Live, event: HistoryEvent): Live {
  const { node, resource, resourceDigest: digest } = event;
  const isKnown = live.refused.some(
    (one) => one.node === node && one.resource === resource && one.digest === digest,
  );
  if (isKnown) return live;
  return { ...live, refused: [...live.refused, { node, resource, digest }].slice(-REFUSED_MAX) };
}
