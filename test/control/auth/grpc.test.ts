import { create } from "@bufbuild/protobuf";
import { credentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuthSettings } from "../../../control/settings-auth.ts";
import { NodeSchema } from "../../../control/xds/proto/core_pb.ts";
import { createAuthority, issueWorkload } from "../../support/certificates.ts";
import { waitFor } from "../../support/envoy.ts";
import { aMessage, anEntry, identifier } from "../../support/envoy-messages.ts";
import { type Guarded, POD, startGuarded, textResource } from "../../support/guarded.ts";
import { AWAY, allow, type Ground, grpcBy, setGround, sidecar } from "../../support/identity.ts";
import { openLogStream } from "../../support/log-stream.ts";
import { openXdsClient, type XdsClient } from "../../support/xds-client.ts";

let ground: Ground;
let guarded: Guarded;
const stops: (() => unknown)[] = [];

async function start(more: Partial<AuthSettings> = {}, address?: string): Promise<Guarded> {
  guarded = await startGuarded(ground.settings(more), address);
  stops.push(guarded.close);
  guarded.server.setTarget("limen", textResource("v1"));
  return guarded;
}
beforeEach(async () => {
  ground = await setGround();
  stops.push(ground.strike);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function connect(by = ground.client("shop", "web"), host = AWAY): Promise<XdsClient> {
  const client = openXdsClient(guarded.server.port, { host, by: await by });
  stops.push(client.close);
  return client;
}
const gone = async ({ ended }: XdsClient) => {
  const { code, details } = await ended;
  return { code, details };
};

describe("the xds listener", () => {
  it("serves a proxy whose certificate, node and resource fit", async () => {
    await start();
    const client = await connect();
    client.ask(POD, ["limen"]);
    expect((await client.next()).table).toBe("v1");
    expect(guarded.server.proxies()).toMatchObject([{ node: POD, isConnected: true }]);
  });

  it("refuses a client without a certificate", async () => {
    await start();
    const ca = Buffer.from(ground.authority.certificate);
    const client = await connect(Promise.resolve(credentials.createSsl(ca)));
    client.ask(POD, ["limen"]);
    expect((await gone(client)).code).toBe(status.UNAVAILABLE);
    expect(guarded.server.proxies()).toEqual([]);
  });

  it("refuses a certificate of another authority", async () => {
    await start();
    const pem = await issueWorkload(await createAuthority(), "shop", "web");
    const client = await connect(Promise.resolve(grpcBy(pem, ground.authority.certificate)));
    client.ask(POD, ["limen"]);
    expect((await gone(client)).code).toBe(status.UNAVAILABLE);
  });

  it("refuses a certificate that is no longer valid", async () => {
    await start();
    const uris = ["spiffe://cluster.local/ns/shop/sa/web"];
    const pem = await ground.authority.issue({ uris, untilMs: -1000 });
    const client = await connect(Promise.resolve(grpcBy(pem, ground.authority.certificate)));
    client.ask(POD, ["limen"]);
    expect((await gone(client)).code).toBe(status.UNAVAILABLE);
  });

  it("refuses plaintext", async () => {
    await start();
    const client = await connect(Promise.resolve(credentials.createInsecure()));
    client.ask(POD, ["limen"]);
    expect((await gone(client)).code).toBe(status.UNAVAILABLE);
  });

  const refused: readonly [string, string, string[], string, RegExp][] = [
    ["an identity nobody allowed", "bank", ["limen"], "role", /is no proxy/],
    ["a resource that is not listed", "shop", ["other"], "resource", /may not have resource other/],
  ];
  it.each(refused)("refuses %s, counts it, and keeps no trace of it", async (...row) => {
    const [, namespace, names, reason, details] = row;
    await start();
    const client = await connect(ground.client(namespace, "web"));
    client.ask(sidecar("web-1", namespace), names);
    const outcome = { code: status.PERMISSION_DENIED, details: expect.stringMatching(details) };
    expect(await gone(client)).toEqual(outcome);
    expect(guarded.auth.refused()).toMatchObject({ [reason]: 1 });
    expect(guarded.server.proxies()).toEqual([]);
  });

  it("refuses the node of another namespace, and counts it", async () => {
    await start();
    const client = await connect();
    client.ask(sidecar("web-1", "bank"), ["limen"]);
    expect(await gone(client)).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(guarded.auth.refused()).toEqual({ ...ZERO, node: 1 });
  });

  it("refuses the node of another service account", async () => {
    await start();
    const client = await connect();
    const metadata = { NAMESPACE: "shop", SERVICE_ACCOUNT: "till" };
    client.ask(POD, ["limen"], { node: create(NodeSchema, { id: POD, metadata }) });
    const details = expect.stringMatching(/service account till, its certificate web/);
    expect(await gone(client)).toEqual({ code: status.PERMISSION_DENIED, details });
  });

  it("refuses a workload of another trust domain", async () => {
    await start();
    const pem = await issueWorkload(ground.authority, "shop", "web", "other.local");
    const client = await connect(Promise.resolve(grpcBy(pem, ground.authority.certificate)));
    client.ask(POD, ["limen"]);
    expect(await gone(client)).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(guarded.auth.refused()).toEqual({ ...ZERO, identity: 1 });
  });

  it("ends a stream that later asks for what is not listed", async () => {
    await start();
    const client = await connect();
    client.ask(POD, ["limen"]);
    const received = await client.next();
    client.ack(received, { resourceNames: ["limen", "other"] });
    expect(await gone(client)).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(guarded.server.proxies()).toMatchObject([{ resource: "limen", isConnected: false }]);
  });

  it("holds a stream to the node it came with", async () => {
    await start();
    const client = await connect();
    client.ask(POD, ["limen"]);
    const received = await client.next();
    client.ack(received, { node: create(NodeSchema, { id: sidecar("x", "bank") }) });
    await waitFor("the ACK", () => guarded.server.proxies()[0]?.acked ?? null);
    expect(guarded.server.proxies().map(({ node }) => node)).toEqual([POD]);
  });

  it("takes a plain Envoy that its entry tells of", async () => {
    const entry = allow("spiffe://cluster.local/ns/edge/sa/envoy", "proxy", {
      node: { cluster: "edge" },
    });
    await start({ allow: [entry] });
    const client = await connect(ground.client("edge", "envoy"));
    client.ask("edge-1", ["limen"]);
    expect((await client.next()).table).toBe("v1");
  });

  it("asks nobody on loopback, where it speaks plaintext as before", async () => {
    await start({}, "127.0.0.1:0");
    const client = await connect(Promise.resolve(credentials.createInsecure()), "127.0.0.1");
    client.ask("anybody", ["limen", "other"]);
    expect((await client.next()).table).toBe("v1");
  });

  it("speaks plaintext off loopback only when told so, and says what that means", async () => {
    await start({ tls: null, allow: [], plaintext: true });
    const client = await connect(Promise.resolve(credentials.createInsecure()));
    client.ask("anybody", ["limen"]);
    expect((await client.next()).table).toBe("v1");
    expect(guarded.said).toEqual([
      expect.stringMatching(/whoever reaches the xds port is a proxy/),
    ]);
  });

  it("does not start off loopback with no more than tokens", async () => {
    await expect(start({ tls: null, allow: [] })).rejects.toThrow(/add auth/);
  });

  it("does not start without the authority of its clients", async () => {
    const tls = { certificate: ground.server.certificate, key: ground.server.key, clientCa: null };
    await expect(start({ tls })).rejects.toThrow(/add clientCa/);
  });
});

const ZERO = { identity: 0, role: 0, node: 0, resource: 0, credential: 0, forbidden: 0 };

describe("the access-log listener", () => {
  async function send(node: string, namespace = "shop") {
    const by = await ground.client(namespace, "web");
    const stream = openLogStream(`${AWAY}:${guarded.server.port}`, by);
    stops.push(stream.close);
    stream.call.write(aMessage([anEntry(0)], identifier(node, "shop")));
    return stream;
  }

  it("takes the entries of the certificate's own node", async () => {
    await start();
    await send(POD);
    await waitFor("the entry", () => (guarded.appended.length === 1 ? true : null));
    expect(guarded.collector.counters()).toMatchObject({ decisions: 1, streams: 1 });
  });

  it("refuses entries in the name of another node, stores none, and counts it", async () => {
    await start();
    const { done } = await send(sidecar("web-1", "bank"));
    expect(await done).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(guarded.auth.refused()).toEqual({ ...ZERO, node: 1 });
    expect([guarded.appended, guarded.collector.counters().streams]).toEqual([[], 0]);
  });

  it("refuses an identity nobody allowed", async () => {
    await start();
    const { done } = await send(sidecar("web-1", "bank"), "bank");
    expect(await done).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(guarded.auth.refused()).toEqual({ ...ZERO, role: 1 });
  });

  it("refuses a stream that changes its name on the way", async () => {
    await start();
    const { call, done } = await send(POD);
    call.write(aMessage([anEntry(1)], identifier(sidecar("web-1", "bank"), "bank")));
    expect(await done).toMatchObject({ code: status.PERMISSION_DENIED });
    await guarded.collector.close();
    expect(guarded.appended).toHaveLength(1);
  });

  it("closes a second after its drain, though a stream goes on", async () => {
    await start();
    await send(POD);
    await waitFor("the entry", () => (guarded.appended.length === 1 ? true : null));
    const began = performance.now();
    await guarded.server.close();
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it("stores nothing of a stream that begins with bytes that do not read", async () => {
    await start();
    const stream = openLogStream(
      `${AWAY}:${guarded.server.port}`,
      await ground.client("bank", "web"),
    );
    stops.push(stream.close);
    stream.call.write(Buffer.from([0x0a, 0xff]));
    expect(await stream.done).toMatchObject({ code: status.INVALID_ARGUMENT });
    await guarded.collector.close();
    expect(guarded.appended).toEqual([]);
  });
});
