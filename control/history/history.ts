import { LimenError } from "../errors.ts";
import type { EventLog } from "../events/log.ts";
import { decodeEvent, encodeEvent, type HistoryEvent, type NewHistoryEvent } from "./event.ts";
import { type Live, NOTHING_LIVE, replayEvent } from "./replay.ts";

const TOPIC = "limen.tables";
/** The order of tables is one order, so all of it is in one partition. */
const PARTITION = 0;
const PAGE = 500;

/** An event with its place in the log and the log's time. */
export type HistoryEntry = { n: number; time: number; event: HistoryEvent };

export type History = {
  live(): Live;
  /** Resolves when the events survive a kill; refuses a fault before anything is written. */
  append(events: readonly NewHistoryEvent[]): Promise<Live>;
  /** At most `max` entries with n >= `from`. */
  read(from: number, max: number): Promise<HistoryEntry[]>;
};

/** Reads the history of a log and goes on with it. One writer at a time. */
export async function openHistory(log: EventLog): Promise<History> {
  let live = await replayLog(log);
  let last: Promise<unknown> = Promise.resolve();

  async function write(events: readonly NewHistoryEvent[]): Promise<Live> {
    const batch = events.map((event) => encodeEvent(event));
    // Checked and booked as a reader will see them, so that a restart comes to the same state.
    let next = live;
    for (const [index, event] of events.entries()) {
      checkEvent(next, event);
      next = replayEvent(next, decodeEvent(batch[index] ?? new Uint8Array()));
    }
    await log.append(batch.map((value) => ({ topic: TOPIC, key: null, value })));
    live = next;
    return live;
  }

  return {
    live: () => live,
    append(events) {
      const written = last.then(() => write(events));
      last = written.catch(() => {});
      return written;
    },
    async read(from, max) {
      const stored = await log.read(TOPIC, PARTITION, BigInt(from), max);
      return stored.map(({ offset, time, value }) => ({
        n: Number(offset),
        time,
        event: decodeEvent(value ?? new Uint8Array()),
      }));
    },
  };
}

/** The state a log adds up to. */
export async function replayLog(log: EventLog): Promise<Live> {
  let live = NOTHING_LIVE;
  let from = 0n;
  for (;;) {
    const page = await log.read(TOPIC, PARTITION, from, PAGE);
    for (const { offset, value } of page) {
      live = replayEvent(live, decodeEvent(value ?? new Uint8Array()));
      from = offset + 1n;
    }
    if (page.length === 0) return live;
  }
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
