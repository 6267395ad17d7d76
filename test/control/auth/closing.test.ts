// A listener that closes while somebody has opened a connection and not said yet who that is.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApi } from "../../../control/api/server.ts";
import type { ServiceFace } from "../../../control/api/views.ts";
import { openAuth } from "../../../control/auth/auth.ts";
import { HANDSHAKE_MS } from "../../../control/auth/tls-files.ts";
import { issueWorkload } from "../../support/certificates.ts";
import { type Guarded, startGuarded } from "../../support/guarded.ts";
import { AWAY, type Ground, setGround } from "../../support/identity.ts";

/** A second for what is under way, two for what comes late, and a busy machine. */
const CLOSE_MAX_MS = 3_000 + 2_000;

let ground: Ground;
const stops: (() => unknown)[] = [];
beforeEach(async () => {
  ground = await setGround();
  stops.push(ground.strike);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, AWAY);
  socket.on("error", () => undefined);
  stops.push(() => socket.destroy());
  await once(socket, "connect");
  // The server has accepted it by then.
  await sleep(50);
  return socket;
}

async function measure(work: Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work;
  return performance.now() - from;
}

async function openXds(): Promise<Guarded> {
  const guarded = await startGuarded(ground.settings());
  stops.push(() => guarded.auth.close());
  return guarded;
}

describe("the xds listener", () => {
  it("closes though a connection says nothing", async () => {
    const { server } = await openXds();
    await openSocket(server.port);
    expect(await measure(server.close({ drainMs: 0 }))).toBeLessThan(CLOSE_MAX_MS);
  });

  it("cuts a connection whose handshake ends after it began to close", async () => {
    const { server } = await openXds();
    const socket = await openSocket(server.port);
    const { key, certificate } = await issueWorkload(ground.authority, "shop", "web");
    const closing = measure(server.close({ drainMs: 0 }));
    const ca = ground.authority.certificate;
    const names = { servername: "limen.test", ALPNProtocols: ["h2"] };
    const secure = connectTls({ socket, key, cert: certificate, ca, ...names });
    const session = connectHttp2("https://limen.test", { createConnection: () => secure });
    session.on("error", () => undefined);
    const shut = once(session, "close");
    await once(session, "connect");
    expect(await closing).toBeLessThan(CLOSE_MAX_MS);
    expect(await Promise.race([shut.then(() => "shut"), sleep(2_000)])).toBe("shut");
  });

  it("ends a handshake that nobody goes on with", async () => {
    const { server } = await openXds();
    stops.push(() => server.close({ drainMs: 0 }));
    const socket = await openSocket(server.port);
    const took = await measure(once(socket, "close"));
    expect(took).toBeGreaterThan(HANDSHAKE_MS / 2);
    expect(took).toBeLessThan(2 * HANDSHAKE_MS);
  }, 30_000);
});

describe("the HTTP listener", () => {
  it("closes though a connection says nothing", async () => {
    const auth = openAuth(ground.settings(), () => undefined);
    stops.push(() => auth.close());
    const api = await startApi({} as ServiceFace, `${AWAY}:0`, { auth });
    await openSocket(api.port);
    expect(await measure(api.close())).toBeLessThan(1_000);
  });
});
