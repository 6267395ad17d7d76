import { LimenError } from "../errors.ts";
import type { EventLog } from "../events/log.ts";
import { readFull } from "../events/read-full.ts";
import { decodeEvent, encodeEvent, type HistoryEvent, type NewHistoryEvent } from "./event.ts";
import { isDecided, type Live, NOTHING_LIVE, replayEvent } from "./replay.ts";

const TOPIC = "limen.tables";
/** The order of tables is one order, so all of it is in one partition. */
const PARTITION = 0;
const PAGE = 500;

/** An event with its place in the log and the log's time. */
export type HistoryEntry = { n: number; time: number; event: HistoryEvent };

export type History = {
  /** As far as the log was read. */
  live(): Live;
  /** Reads on to the log's end. */
  refresh(): Promise<Live>;
  /**
   * Resolves when the events survive a kill and were read back. Refuses a fault before anything is
   * written; "refused" as well when another process decides by now, and then they count for nothing.
   */
  append(events: readonly NewHistoryEvent[]): Promise<Live>;
  /** What proxies answered: appended as it is. */
  note(events: readonly NewHistoryEvent[]): Promise<void>;
  /**
   * Takes over deciding, with a serial above all before: what an earlier decider still writes is
   * passed by. Throws "refused" when another one was faster. Needed where several processes can write.
   */
  claim(by: string): Promise<void>;
  /** Nobody claimed since this process did. */
  isDecider(): boolean;
  /** At most `max` entries with n >= `from`. */
  read(from: number, max: number): Promise<HistoryEntry[]>;
};

type State = {
  log: EventLog;
  live: Live;
  /** Offset to read on at. */
  next: bigint;
  /** Of this process's claim; 0 without one. */
  term: number;
  onEvent: (event: HistoryEvent) => void;
  onJunk: (offset: bigint) => void;
};

/** Reads on to the end the log has now. */
async function catchUp(state: State): Promise<void> {
  const { log } = state;
  const end = await log.end(TOPIC, PARTITION);
  while (state.next < end) {
    const page = await log.read(TOPIC, PARTITION, state.next, PAGE);
    for (const { offset, value } of page) {
      const event = decodeEvent(value ?? new Uint8Array());
      if (event !== null) state.live = replayEvent(state.live, event);
      state.next = offset + 1n;
      if (event !== null) state.onEvent(event);
      else state.onJunk(offset);
    }
    // A transaction's marker at the end has an offset, but is no event.
    if (page.length === 0) return;
  }
}

function checkTerm({ live, term }: State): void {
  if (live.term === term) return;
  const text = `history: ${live.decider} decides since serial ${live.term}`;
  throw new LimenError("refused", `${text}; ask there`);
}

async function write(state: State, events: readonly NewHistoryEvent[]): Promise<Live> {
  await catchUp(state);
  const isDecision = events.some(({ what }) => isDecided(what));
  if (isDecision) checkTerm(state);
  const batch = events.map((event) => encodeEvent({ ...event, term: state.term }));
  // Checked as a reader will see them, so that a restart comes to the same state.
  let next = state.live;
  for (const [index, event] of events.entries()) {
    checkEvent(next, event);
    const seen = decodeEvent(batch[index] ?? new Uint8Array());
    if (seen !== null) next = replayEvent(next, seen);
  }
  await state.log.append(batch.map((value) => ({ topic: TOPIC, key: null, value })));
  await catchUp(state);
  if (isDecision) checkTerm(state);
  return state.live;
}

async function claim(state: State, by: string): Promise<void> {
  await catchUp(state);
  const tableSerial = state.live.serial + 1;
  const event = { what: "claimed", at: Date.now(), by, why: "decides from here on", tableSerial };
  const value = encodeEvent(event as NewHistoryEvent);
  await state.log.append([{ topic: TOPIC, key: null, value }]);
  await catchUp(state);
  state.term = tableSerial;
  // Of two claims with one serial the first holds.
  if (state.live.decider !== by) state.term = 0;
  checkTerm(state);
}

/** Reads the history of a log and goes on with it; `onEvent` is told of each event, old and new,
 * `onJunk` of what is none and is passed by. */
export async function openHistory(
  log: EventLog,
  onEvent: (event: HistoryEvent) => void = () => undefined,
  onJunk: (offset: bigint) => void = () => undefined,
): Promise<History> {
  const state: State = { log, live: NOTHING_LIVE, next: 0n, term: 0, onEvent, onJunk };
  await catchUp(state);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Value>(job: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(job);
    last = mine.catch(() => {});
    return mine;
  };
  return {
    live: () => state.live,
    refresh: () => inTurn(() => catchUp(state)).then(() => state.live),
    append: (events) => inTurn(() => write(state, events)),
    note: (events) =>
      log.append(events.map((event) => ({ topic: TOPIC, key: null, value: encodeEvent(event) }))),
    claim: (by) => inTurn(() => claim(state, by)),
    isDecider: () => state.live.term === state.term,
    async read(from, max) {
      const place = { topic: TOPIC, partition: PARTITION } as const;
      const stored = await readFull(log, place, BigInt(from), max);
      return stored.flatMap(({ offset, time, value }) => {
        const event = decodeEvent(value ?? new Uint8Array());
        return event === null ? [] : { n: Number(offset), time, event };
      });
    },
  };
}

function checkEvent(live: Live, event: NewHistoryEvent): void {
  if (event.what === "pushed" && live.off !== null) {
    const text = `history: off since ${new Date(live.off.at).toISOString()} by ${live.off.by}`;
    throw new LimenError("refused", `${text}; nothing is pushed until on`);
  }
  if (event.what === "pushed" && !event.table?.length) {
    throw new LimenError("input", "history: a pushed event without its table, add the bytes");
  }
  if (!event.table?.length) return;
  if (!["pushed", "off", "on"].includes(event.what)) {
    throw new LimenError("input", `history: ${event.what} carries a table, which makes it live`);
  }
  const serial = event.tableSerial ?? 0;
  if (serial <= live.serial) {
    const text = `history: table serial ${serial} is not above ${live.serial}`;
    throw new LimenError("input", `${text}; give the next one`);
  }
  if (!/^[0-9a-f]{16}$/.test(event.tableDigest ?? "")) {
    throw new LimenError("input", "history: a table without its digest, give 16 hex digits");
  }
}
