// The listener for proxies, ECDS and access log, under the guard of some settings.
import { type Auth, openAuth } from "../../control/auth/auth.ts";
import { addAccessLogService, type Collector } from "../../control/collect/access-log.ts";
import type { NewEvent } from "../../control/events/log.ts";
import type { AuthSettings } from "../../control/settings-auth.ts";
import { buildResource, type Resource } from "../../control/xds/resource.ts";
import { startXdsServer, type XdsServer } from "../../control/xds/server.ts";
import { AWAY, sidecar } from "./identity.ts";

export const POD = sidecar("web-1", "shop");

export function textResource(text: string, name = "limen"): Resource {
  return buildResource({ name, table: Buffer.from(text), wasm: { path: "/x.wasm" }, vmId: "v" });
}

export type Guarded = {
  auth: Auth;
  server: XdsServer;
  collector: Collector;
  said: string[];
  appended: NewEvent[];
  close(): Promise<void>;
};

export async function startGuarded(
  settings: AuthSettings | null,
  address = `${AWAY}:0`,
): Promise<Guarded> {
  const said: string[] = [];
  const appended: NewEvent[] = [];
  const auth = openAuth(settings, (line) => said.push(line));
  let collector: Collector | undefined;
  try {
    const server = await startXdsServer({
      address,
      auth,
      log: (line) => said.push(line),
      extend: (grpc, guard) => {
        const append = async (batch: readonly NewEvent[]) => void appended.push(...batch);
        collector = addAccessLogService(grpc, { guard, append, hashId: (id) => id, batchMs: 1 });
      },
    });
    if (!collector) throw new Error("no access-log service");
    const close = async () => {
      auth.close();
      await server.close();
    };
    return { auth, server, collector, said, appended, close };
  } catch (thrown) {
    auth.close();
    throw thrown;
  }
}
