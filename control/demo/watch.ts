import { setTimeout as sleep } from "node:timers/promises";
import type { DecisionsView, HistoryView, StatusView } from "../api/views.ts";
import { callService } from "../cli/client.ts";
import { type Certified, type Ledger, noteCertified, noteTable } from "./ledger.ts";

/** A page of decisions; the service gives at most 5,000. */
const PAGE = 5_000;
const POLL_MS = 100;
/** Decisions are read every that many polls: they only feed the screen and the report. */
const DECISIONS_EVERY = 5;

export type Watch = {
  /** The newest status; null while nobody answers. */
  status(): StatusView | null;
  history(): readonly HistoryView[];
  /** Reads all decisions and events there are now. */
  catchUp(): Promise<void>;
  stop(): Promise<void>;
};

/** Called once for each thing that is new. */
export type Listeners = {
  certified(found: Certified): void;
  event(event: HistoryView): void;
};

/**
 * Follows a control service over its HTTP API into the ledger: the status several times a second,
 * so that the cuts of each table are seen while it is live. A service that is away is asked again.
 */
export function startWatch(server: string, ledger: Ledger, listeners: Listeners): Watch {
  const events: HistoryView[] = [];
  let status: StatusView | null = null;
  /** Offset to read on at, by partition. */
  const next = [0];
  let running = true;
  let reading: Promise<void> = Promise.resolve();

  const readStatus = async (): Promise<void> => {
    status = await callService<StatusView>(server, "/v1/status");
    noteTable(ledger, status);
    for (const found of noteCertified(ledger, status, Date.now())) listeners.certified(found);
  };
  const readPartition = async (partition: number): Promise<void> => {
    for (;;) {
      const since = next[partition] ?? 0;
      const query = `partition=${partition}&since=${since}&max=${PAGE}`;
      const page = await callService<DecisionsView>(server, `/v1/decisions?${query}`);
      ledger.decisions.push(...page.decisions);
      next[partition] = page.next;
      while (next.length < page.partitions) next.push(0);
      if (page.next === since) return;
    }
  };
  const readPages = async (): Promise<void> => {
    for (let partition = 0; partition < next.length; partition++) await readPartition(partition);
    // Between partitions only the log's time says what came first.
    if (next.length > 1) ledger.decisions.sort((a, b) => a.at - b.at);
  };
  const readHistory = async (): Promise<void> => {
    const since = events.at(-1)?.n ?? 0;
    const path = `/v1/history?since=${since}`;
    const page = await callService<{ events: HistoryView[] }>(server, path);
    for (const event of page.events.filter(({ n }) => n > since)) {
      events.push(event);
      listeners.event(event);
    }
  };
  // One reader at a time, or a page would be taken twice.
  const readAll = (): Promise<void> => {
    reading = reading
      .catch(() => undefined)
      .then(readPages)
      .then(readHistory);
    return reading;
  };
  const loop = (async () => {
    for (let turn = 0; running; turn += 1) {
      try {
        await readStatus();
        if (turn % DECISIONS_EVERY === 0) await readAll();
      } catch {
        status = null;
      }
      await sleep(POLL_MS);
    }
  })();
  return {
    status: () => status,
    history: () => events,
    catchUp: async () => {
      await readStatus();
      await readAll();
    },
    stop: async () => {
      running = false;
      await loop;
    },
  };
}
