import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "@grpc/grpc-js";
import type { Auth, Guard } from "../auth/auth.ts";
import { LimenError } from "../errors.ts";
import type { NewHistoryEvent } from "../history/event.ts";
import type { History } from "../history/history.ts";
import type { Live } from "../history/replay.ts";
import { explainBuild, INSTALLATION } from "../installation.ts";
import type { Settings } from "../settings.ts";
import { buildResource, type Resource } from "../xds/resource.ts";
import { startXdsServer, type XdsServer } from "../xds/server.ts";
import type { Acked, Nacked } from "../xds/session.ts";
import { createSayOnce } from "./say-once.ts";

/** The filter's name in its chain, its ECDS resource, its root id and its VM. */
export const FILTER_NAME = "limen";
const WASM = join(INSTALLATION.root, "build", "limen.wasm");
/** Streams end within this, in random order. */
const DRAIN_MS = 200;
/** Answers of many proxies to one push go into the log together. */
const NOTE_MS = 20;
/** Until answers that could not be written are tried again. */
const NOTE_AGAIN_MS = 1_000;
/** Answers held while the log is away; more are not in the history. */
const NOTES_MAX = 10_000;
/** A push reaches the log's readers in less than a second, and an idle look costs a millisecond. */
const FOLLOW_MS = 100;

/** Makes the ECDS resource of a table; the module is read once. */
export function createResources(settings: Settings): (table: Uint8Array) => Resource {
  const wasm = settings.wasm === null ? { bytes: readModule() } : { path: settings.wasm };
  return (table) => buildResource({ name: FILTER_NAME, table, wasm, vmId: FILTER_NAME });
}

function readModule(): Uint8Array {
  try {
    return readFileSync(WASM);
  } catch (thrown) {
    throw new LimenError("missing", `${WASM}: is not there; ${explainBuild(INSTALLATION)}`, thrown);
  }
}

/** Writes what proxies answered into the history, together and in order; a log that is away is said
 * once and tried again. */
function createNotes(history: History, say: (line: string) => void) {
  const writing = createSayOnce("writing answers of proxies", say);
  let waiting: NewHistoryEvent[] = [];
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const write = async (): Promise<void> => {
    const batch = waiting;
    if (batch.length === 0) return;
    waiting = [];
    try {
      await history.note(batch);
      writing.worked();
    } catch (thrown) {
      waiting = [...batch, ...waiting].slice(-NOTES_MAX);
      writing.failed(thrown);
      if (!isOver) timer ??= setTimeout(() => void flush(), NOTE_AGAIN_MS);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    running = running.then(write);
    return running;
  };
  return {
    end(): Promise<void> {
      isOver = true;
      return flush();
    },
    add(event: NewHistoryEvent): void {
      waiting.push(event);
      timer ??= setTimeout(() => void flush(), NOTE_MS);
    },
  };
}

export type Serving = {
  xds: XdsServer;
  /** Hands what is live to every proxy; the same table again changes nothing. */
  push(live: Live): void;
  close(): Promise<void>;
};

/** ECDS for every proxy; ACKs and NACKs go into the history. */
export async function startServing(
  settings: Settings,
  parts: {
    auth: Auth;
    history: History;
    say: (line: string) => void;
    resourceOf: (table: Uint8Array) => Resource;
    onNack: (node: string, why: string) => void;
    /** Adds other services to the same listener. */
    extend?: (server: Server, guard: Guard) => void;
  },
): Promise<Serving> {
  const { history, say, resourceOf, extend } = parts;
  const notes = createNotes(history, say);
  const note = (what: "acked" | "nacked", answer: Acked | Nacked, why: string): void => {
    const { node, resource, digest, at } = answer;
    const ms = answer.pushMs ?? answer.sendMs;
    notes.add({ what, at, by: node, why, node, resource, resourceDigest: digest, ms });
  };
  const xds = await startXdsServer({
    address: settings.listen.xds,
    auth: parts.auth,
    log: say,
    ...(extend && { extend }),
    // Heartbeats repeat what is known already.
    onAck: (acked) => {
      if (acked.reason !== "beat") note("acked", acked, acked.reason);
    },
    onNack: (nacked) => {
      say(`${nacked.node} refused ${nacked.digest}: ${nacked.message}`);
      note("nacked", nacked, nacked.message);
      parts.onNack(nacked.node, nacked.message);
    },
  });
  for (const { node, resource, digest } of history.live().refused) {
    xds.refuse(node, resource, digest);
  }
  let sent = "";
  return {
    xds,
    push({ table, off }) {
      if (table === null || table.digest === sent) return;
      sent = table.digest;
      const ttlMs = off !== null || settings.ttlMs === 0 ? null : settings.ttlMs;
      xds.setTarget(FILTER_NAME, resourceOf(table.bytes), { ttlMs });
    },
    close: async () => {
      await xds.close({ drainMs: DRAIN_MS });
      await notes.end();
    },
  };
}

/** Reads the history on, again and again until the signal; what fails is said once, and when it
 * works again. */
export async function followHistory(
  history: History,
  signal: AbortSignal,
  say: (line: string) => void,
  onLive: (live: Live) => void,
): Promise<void> {
  const reading = createSayOnce("reading the history", say);
  while (!signal.aborted) {
    try {
      onLive(await history.refresh());
      reading.worked();
    } catch (thrown) {
      reading.failed(thrown);
    }
    await sleep(FOLLOW_MS, undefined, { signal }).catch(() => undefined);
  }
}
