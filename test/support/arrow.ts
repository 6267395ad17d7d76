// The arrow in one process: the filter in the emulated host, the service on loopback, and between
// them what Envoy does: ECDS to the filter, its records to the access log.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import type { StatusView } from "../../control/api/views.ts";
import { callService } from "../../control/cli/client.ts";
import { type Service, startService } from "../../control/service.ts";
import { parseSettings } from "../../control/settings.ts";
import { anEntry, filterState, writeMessage } from "./envoy-messages.ts";
import { decide, startFilter } from "./host-filter.ts";
import type { Request } from "./proxy-wasm/stream.ts";
import { openXdsClient } from "./xds-client.ts";

const ACCESS_LOG = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const NODE = "proxy-1";
const MODELS = join(import.meta.dirname, "../../models");
const WAIT_MS = 20_000;

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

/** A service on a folder of its own; start it twice to see what survives. */
export async function openArrow(extra: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "limen-arrow-"));
  const settings = parseSettings(
    {
      limen: 1,
      models: [join(MODELS, "bot")],
      listen: { xds: "127.0.0.1:0", http: "127.0.0.1:0" },
      ttl: "off",
      ...extra,
    },
    null,
    folder,
  );
  const lines: string[] = [];
  const start = (): Promise<Service> => startService(settings, (line) => lines.push(line));
  return { folder, settings, lines, start, remove: () => rmSync(folder, { recursive: true }) };
}

/** A proxy on a running service: it takes every table and logs every decision. */
export function connectProxy(service: Service) {
  const { host, filter } = startFilter();
  const xds = openXdsClient(portOf(service.xds));
  const log = new Client(service.xds, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const call = log.makeClientStreamRequest(ACCESS_LOG, asIs, asIs, () => undefined);
  call.write(
    writeMessage({ identifier: { node: { id: NODE, cluster: "edge" }, log_name: "limen" } }),
  );
  let seq = 0;
  let isOpen = true;
  xds.ask(NODE, ["limen"]);
  // Ends by itself: nothing comes after close.
  void (async () => {
    while (isOpen) {
      const received = await xds.next(WAIT_MS).catch(() => null);
      if (!received) return;
      const { acked } = filter.push(Buffer.from(received.table, "latin1"));
      if (acked) xds.ack(received);
      else xds.nack(received, "refused");
    }
  })();
  return {
    host,
    /** Decides one request; its record goes to the access log. */
    send(request: Request, common: object = {}) {
      const { stream } = decide(filter, request);
      const record = stream.filterState.get("wasm.limen");
      seq++;
      if (record) {
        const own = { filter_state_objects: filterState(record), ...common };
        const entry = anEntry(seq, { request_id: `id-${seq}` }, own);
        call.write(writeMessage({ http_logs: { log_entry: [entry] } }));
      }
      return stream;
    },
    close(): undefined {
      isOpen = false;
      xds.close();
      call.end();
      log.close();
    },
  };
}

export const statusOf = (service: Service): Promise<StatusView> =>
  callService<StatusView>(`http://${service.http}`, "/v1/status");

/** Polls the status until it says so. */
export async function waitForStatus(
  service: Service,
  what: string,
  holds: (status: StatusView) => boolean,
): Promise<StatusView> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const status = await statusOf(service);
    if (holds(status)) return status;
    if (performance.now() > until) throw new Error(`${what}: ${JSON.stringify(status)}`);
    await sleep(20);
  }
}
