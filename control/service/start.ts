import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { addAccessLogService, type Collector } from "../collect/access-log.ts";
import { createHashId } from "../collect/hash-id.ts";
import { readRecord } from "../collect/record.ts";
import { LimenError } from "../errors.ts";
import { DecisionSchema } from "../events/decision_pb.ts";
import type { EventLog, NewEvent } from "../events/log.ts";
import type { History } from "../history/history.ts";
import type { Settings } from "../settings.ts";
import { buildResource, type Resource } from "../xds/resource.ts";
import { startXdsServer, type XdsServer } from "../xds/server.ts";
import type { Acked, Nacked } from "../xds/session.ts";
import type { LastRecord } from "./status.ts";

/** The filter's name in its chain, its ECDS resource, its root id and its VM. */
export const FILTER_NAME = "limen";
const WASM = join(import.meta.dirname, "..", "..", "build", "limen.wasm");
/** Streams end within this, in random order. */
const DRAIN_MS = 200;

/** Makes the ECDS resource of a table; the module is read once. */
export function createResources(settings: Settings): (table: Uint8Array) => Resource {
  const wasm = settings.wasm === null ? { bytes: readModule() } : { path: settings.wasm };
  return (table) => buildResource({ name: FILTER_NAME, table, wasm, vmId: FILTER_NAME });
}

function readModule(): Uint8Array {
  try {
    return readFileSync(WASM);
  } catch (thrown) {
    throw new LimenError("missing", `${WASM}: not built; run "npm run build"`, thrown);
  }
}

/** Remembers what a proxy runs, off the last record of each batch that is appended. */
export function createLastRecords() {
  const last = new Map<string, LastRecord>();
  const note = (batch: readonly NewEvent[]): void => {
    const event = batch.findLast(({ topic }) => topic === "limen.decisions");
    if (!event?.value) return;
    const { node, record } = fromBinary(DecisionSchema, event.value);
    last.set(node, { tableDigest: readRecord(record).tableDigest, at: Date.now() });
  };
  return { last, note };
}

export type Intake = { xds: XdsServer; collector: Collector; close(): Promise<void> };

/** ECDS and the access log on one port; ACKs and NACKs go into the history. */
export async function startIntake(
  settings: Settings,
  parts: {
    log: EventLog;
    history: History;
    tokenKey: Uint8Array;
    say: (line: string) => void;
    onAppend: (batch: readonly NewEvent[]) => void;
    onNack: (node: string, why: string) => void;
  },
): Promise<Intake> {
  const { log, history, say } = parts;
  let collector: Collector | undefined;
  const fail = (thrown: unknown): void => say(LimenError.from(thrown, "history").message);
  const note = (what: "acked" | "nacked", answer: Acked | Nacked, why: string): void => {
    const { node, resource, digest, at } = answer;
    const ms = answer.pushMs ?? answer.sendMs;
    const event = { what, at, by: node, why, node, resource, resourceDigest: digest, ms };
    history.append([event]).catch(fail);
  };
  const xds = await startXdsServer({
    address: settings.listen.xds,
    log: say,
    extend: (server) => {
      collector = addAccessLogService(server, {
        hashId: createHashId(parts.tokenKey),
        append: async (batch) => {
          await log.append(batch);
          parts.onAppend(batch);
        },
        onError: (error) => say(error.message),
      });
    },
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
  if (!collector) throw new LimenError("internal", "the access-log service was not added");
  const own = collector;
  return {
    xds,
    collector: own,
    close: async () => {
      await xds.close({ drainMs: DRAIN_MS });
      await own.close();
    },
  };
}
