import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import type { HistoryView, StatusView } from "../../control/api/views.ts";
import { buildEnvoySecrets } from "../../control/install/envoy.ts";
import { type Service, startService } from "../../control/service.ts";
import { parseSettings } from "../../control/settings.ts";
import { issueWorkload } from "../support/certificates.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import {
  AWAY,
  type Ground,
  setGround,
  sidecar,
  tokenOf,
  writeTokens,
} from "../support/identity.ts";
import { askUpstream } from "../support/load.ts";
import {
  atStrike,
  FILTER,
  MODULE,
  startApplication,
  startProxy,
  strikeStage,
} from "../support/stage.ts";

afterEach(strikeStage);

const ROOT = join(import.meta.dirname, "../..");
const NODE = sidecar("web-1", "shop");

async function serve(ground: Ground): Promise<Service> {
  const { certificate, key, ca } = ground.server;
  const auth = {
    tls: { certificate, key, clientCa: ca },
    tokens: writeTokens(ground.folder, ["operator"]),
    allow: [{ spiffe: "spiffe://cluster.local/ns/shop/*", role: "proxy" }],
  };
  const listen = { xds: `${AWAY}:0`, http: `${AWAY}:0` };
  const models = [join(ROOT, "models/bot")];
  const settings = parseSettings(
    { limen: 1, models, listen, auth, wasm: MODULE },
    null,
    ground.folder,
  );
  const service = await startService(settings, () => {});
  atStrike(service.close);
  return service;
}

async function startShop(ground: Ground, { xds }: Service) {
  const pem = await issueWorkload(ground.authority, "shop", "web");
  const folder = join(ground.folder, "proxy");
  mkdirSync(folder);
  writeFileSync(join(folder, "certificate.pem"), pem.certificate);
  writeFileSync(join(folder, "key.pem"), pem.key);
  writeFileSync(join(folder, "ca.pem"), ground.authority.certificate);
  const secrets = buildEnvoySecrets({ folder, serverName: "limen.test" });
  const put = (name: string, value: unknown): string => {
    writeFileSync(join(folder, name), JSON.stringify(value));
    return join(folder, name);
  };
  const address = { host: AWAY, port: Number(xds.split(":").at(-1)) };
  return startProxy({
    node: { id: NODE, cluster: "web.shop" },
    upstreams: [await startApplication("shop")],
    tagRoutes: [],
    defaultUpstream: "shop",
    filters: [{ ...FILTER, vmId: "limen" }],
    xds: address,
    accessLog: address,
    accessLogFlushMs: 50,
    tls: {
      client: put("limen-client.yaml", secrets.client),
      server: put("limen-server.yaml", secrets.server),
    },
  });
}

/** Runs the command line with the operator's token, as a person does. */
function limen(ground: Ground, { http }: Service, ...args: string[]): Promise<string> {
  const file = join(ground.folder, "token");
  writeFileSync(file, tokenOf("operator"), { mode: 0o600 });
  const globals = ["--server", `https://${http}`, "--token-file", file, "--ca", ground.server.ca];
  return new Promise((resolve, reject) => {
    const all = [join(ROOT, "control/cli/limen.js"), ...globals, ...args];
    execFile(process.execPath, all, (error, out) => (error ? reject(error) : resolve(out)));
  });
}

describe("a whole service off loopback", () => {
  itOnEnvoy("serves a proxy by its certificate and a person by a token", async () => {
    const ground = await setGround();
    atStrike(async () => ground.strike());
    const service = await serve(ground);
    const envoy = await startShop(ground, service);
    const read = async () =>
      JSON.parse(await limen(ground, service, "status", "-o", "json")) as StatusView;
    await waitFor("the ACK", async () => (await read()).proxies[0]?.acked ?? null, 20_000);
    await askUpstream(envoy.port, {});
    const look = async () => {
      const view = await read();
      return view.log.decisions > 0 ? view : null;
    };
    const status = await waitFor("the proxy's record", look, 20_000);
    expect(status.proxies).toMatchObject([{ node: NODE, connected: true }]);
    await limen(ground, service, "off");
    const text = await limen(ground, service, "history", "-o", "json");
    const events = JSON.parse(text) as HistoryView[];
    expect(events.find(({ what }) => what === "off")).toMatchObject({ by: "operator-1" });
  });
});
