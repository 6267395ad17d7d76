import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import type { TlsSecrets } from "../../control/envoy/tls.ts";
import { buildSecrets } from "../../control/envoy/tls.ts";
import type { AuthSettings } from "../../control/settings-auth.ts";
import { aModel, someTable } from "../support/builders.ts";
import { createAuthority, issueWorkload, writePem } from "../support/certificates.ts";
import { itOnEnvoy, type RunningEnvoy, waitFor } from "../support/envoy.ts";
import { type Guarded, startGuarded } from "../support/guarded.ts";
import { AWAY, type Ground, setGround, sidecar } from "../support/identity.ts";
import { askUpstream, seenValues } from "../support/load.ts";
import {
  atStrike,
  FILTER,
  resourceOf,
  startApplication,
  startProxy,
  strikeStage,
  TAG_ROUTE,
} from "../support/stage.ts";

afterEach(strikeStage);

type Scene = { ground: Ground; guarded: Guarded; envoy: RunningEnvoy };
type SceneOptions = {
  node?: string;
  namespace?: string;
  serverName?: string;
  settings?: Partial<AuthSettings>;
};

function tableOf(serial: number, value: string): Uint8Array {
  return someTable({ serial, models: [aModel({ tags: [{ header: "x-limen-bot", value }] })] });
}

/** The files of a proxy, and the secrets that name them, in its own folder. */
async function writeSecrets(ground: Ground, options: SceneOptions): Promise<TlsSecrets> {
  const pem = await issueWorkload(ground.authority, options.namespace ?? "shop", "web");
  const files = writePem(join(ground.folder, "proxy"), "proxy", pem, ground.authority.certificate);
  const { client, server } = buildSecrets({
    ...files,
    serverName: options.serverName ?? "limen.test",
  });
  const put = (name: string, value: unknown): string => {
    const path = join(ground.folder, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  return { client: put("client.json", client), server: put("server.json", server) };
}

/** A real Envoy that speaks mutual TLS with ECDS and access log on one port. */
async function setScene(options: SceneOptions = {}): Promise<Scene> {
  const ground = await setGround();
  atStrike(async () => ground.strike());
  const guarded = await startGuarded(ground.settings(options.settings));
  atStrike(guarded.close);
  const tls = await writeSecrets(ground, options);
  const shop = await startApplication("shop");
  const bots = await startApplication("bots");
  const address = { host: AWAY, port: guarded.server.port };
  const envoy = await startProxy({
    node: { id: options.node ?? sidecar("web-1", "shop"), cluster: "web.shop" },
    upstreams: [shop, bots],
    tagRoutes: [TAG_ROUTE],
    defaultUpstream: "shop",
    filters: [FILTER],
    xds: address,
    accessLog: address,
    accessLogFlushMs: 50,
    tls,
  });
  return { ground, guarded, envoy };
}

const ask = async ({ envoy }: Scene): Promise<string | undefined> =>
  seenValues(await askUpstream(envoy.port, { headers: [["x-score", "4000"]] }), "x-limen-bot")[0];

function setTable({ guarded }: Scene, serial: number, value: string): Promise<unknown> {
  const resource = resourceOf(tableOf(serial, value));
  guarded.server.setTarget(resource.name, resource);
  return waitFor("the ACK", () => {
    const row = guarded.server.proxies()[0];
    return row?.acked?.digest === resource.digest ? row : null;
  });
}

/** The reason that was counted, once one was. */
const waitForRefusal = ({ guarded }: Scene) =>
  waitFor("a refusal", () => {
    const counts = Object.entries(guarded.auth.refused()).filter(([, count]) => count > 0);
    return counts.length > 0 ? counts.map(([reason]) => reason) : null;
  });

describe("a proxy with a certificate", () => {
  itOnEnvoy("gets its table and reports its decisions over mutual TLS", async () => {
    const scene = await setScene();
    await setTable(scene, 1, "bot");
    expect(await ask(scene)).toBe("bot");
    const { collector } = scene.guarded;
    await waitFor("the record", () => (collector.counters().appended > 0 ? true : null));
    expect(collector.counters()).toMatchObject({ decisions: 1, rejected: 0, streams: 1 });
    expect(scene.guarded.auth.refused()).toMatchObject({ node: 0, role: 0, resource: 0 });
  });

  itOnEnvoy("is refused under the name of another namespace's node, and counted", async () => {
    const scene = await setScene({ node: sidecar("till-1", "bank") });
    scene.guarded.server.setTarget("limen", resourceOf(tableOf(1, "bot")));
    expect(await waitForRefusal(scene)).toEqual(["node"]);
    expect([await ask(scene), scene.guarded.server.proxies()]).toEqual([undefined, []]);
  });

  itOnEnvoy("of a workload nobody allowed is refused, and counted", async () => {
    const scene = await setScene({ namespace: "bank", node: sidecar("till-1", "bank") });
    expect(await waitForRefusal(scene)).toEqual(["role"]);
  });

  itOnEnvoy("is refused a resource that its entry does not list, and counted", async () => {
    const spiffe = "spiffe://cluster.local/ns/shop/*";
    const entry = { spiffe, role: "proxy", resources: ["other"], node: null } as const;
    const scene = await setScene({ settings: { allow: [entry] } });
    expect(await waitForRefusal(scene)).toEqual(["resource"]);
    expect(scene.guarded.server.proxies()).toEqual([]);
  });

  itOnEnvoy("takes no server of another name for the control service", async () => {
    const scene = await setScene({ serverName: "spiffe://cluster.local/ns/limen/sa/limen" });
    const failed = async () => {
      const stats = await scene.envoy.readStats("ssl.fail_verify_san");
      return Object.values(stats).some((count) => count > 0) ? true : null;
    };
    expect(await waitFor("the refused handshake", failed)).toBe(true);
    expect(scene.guarded.server.proxies()).toEqual([]);
  });
});

/** How often the proxy's connections got new files. */
async function countUpdates(envoy: RunningEnvoy): Promise<number> {
  const stats = await envoy.readStats("limen_xds.*ssl_context_update_by_sds");
  return Object.values(stats).reduce((sum, count) => sum + count, 0);
}

describe("a rotation", () => {
  itOnEnvoy("of the proxy's and the server's certificates ends no stream", async () => {
    const scene = await setScene();
    const { ground, guarded, envoy } = scene;
    await setTable(scene, 1, "one");
    const since = guarded.server.proxies()[0]?.connectedAt;
    const before = await countUpdates(envoy);
    const pem = await issueWorkload(ground.authority, "shop", "web");
    writePem(join(ground.folder, "proxy"), "proxy", pem, ground.authority.certificate);
    await ground.rotateServer();
    await waitFor("the server's files", () =>
      guarded.said.some((line) => /was read again/.test(line)) ? true : null,
    );
    await waitFor("the proxy's files", async () =>
      (await countUpdates(envoy)) > before ? true : null,
    );
    await setTable(scene, 2, "two");
    expect([await ask(scene), guarded.server.proxies()[0]?.connectedAt]).toEqual(["two", since]);
  });

  itOnEnvoy("of both to a new authority serves the next connection", async () => {
    const scene = await setScene();
    const { ground, guarded } = scene;
    await setTable(scene, 1, "one");
    const next = await createAuthority("next");
    const pem = await issueWorkload(next, "shop", "web");
    writePem(join(ground.folder, "proxy"), "proxy", pem, next.certificate);
    await ground.rotateServer(next, next.certificate);
    await waitFor("the server's files", () =>
      guarded.said.some((line) => /was read again/.test(line)) ? true : null,
    );
    const { port } = guarded.server;
    await guarded.close();
    const again = await startGuarded(ground.settings(), `${AWAY}:${port}`);
    atStrike(again.close);
    await setTable({ ...scene, guarded: again }, 2, "two");
    expect(await ask(scene)).toBe("two");
  });
});
