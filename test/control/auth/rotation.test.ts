import { rmSync, writeFileSync } from "node:fs";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAuthority, issueServer, issueWorkload } from "../../support/certificates.ts";
import { waitFor } from "../../support/envoy.ts";
import { type Guarded, POD, startGuarded, textResource } from "../../support/guarded.ts";
import { AWAY, type Ground, grpcBy, setGround, sidecar } from "../../support/identity.ts";
import { openXdsClient, type XdsClient } from "../../support/xds-client.ts";

let ground: Ground;
let guarded: Guarded;
const stops: (() => unknown)[] = [];

async function start(): Promise<Guarded> {
  guarded = await startGuarded(ground.settings());
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

async function connect(by = ground.client("shop", "web")): Promise<XdsClient> {
  const client = openXdsClient(guarded.server.port, { host: AWAY, by: await by });
  stops.push(client.close);
  return client;
}

describe("a rotation", () => {
  const told = (text: RegExp) => () => guarded.said.some((line) => text.test(line)) || null;
  const again = told(/was read again/);

  it("of the server's certificate serves new connections and ends no stream", async () => {
    await start();
    const old = await connect();
    old.ask(POD, ["limen"]);
    old.ack(await old.next());
    // A client that trusts the next authority only can not connect before the rotation.
    const next = await createAuthority("next");
    const mine = await issueWorkload(ground.authority, "shop", "web");
    await ground.rotateServer(next, ground.authority.certificate);
    await waitFor("the new files", again, 10_000);
    const young = await connect(Promise.resolve(grpcBy(mine, next.certificate)));
    young.ask(sidecar("web-2", "shop"), ["limen"]);
    young.ack(await young.next());
    guarded.server.setTarget("limen", textResource("v2"));
    const tables = [await old.next(), await young.next()].map(({ table }) => table);
    expect(tables).toEqual(["v2", "v2"]);
  });

  it("of the clients' authority takes the new and refuses the old", async () => {
    await start();
    const next = await createAuthority("next");
    await ground.rotateServer(ground.authority, next.certificate);
    await waitFor("the new files", again, 10_000);
    const old = await connect();
    old.ask(POD, ["limen"]);
    expect((await old.ended).code).toBe(status.UNAVAILABLE);
    const pem = await issueWorkload(next, "shop", "web");
    const young = await connect(Promise.resolve(grpcBy(pem, ground.authority.certificate)));
    young.ask(POD, ["limen"]);
    expect((await young.next()).table).toBe("v1");
  });

  it.each([
    [
      "the key is another's",
      async () => {
        const { key } = await issueServer(ground.authority);
        writeFileSync(ground.server.key, key);
      },
    ],
    ["the key is gone", () => rmSync(ground.server.key)],
    ["the certificate is no PEM", () => writeFileSync(ground.server.certificate, "x")],
    ["the authority is empty", () => writeFileSync(ground.server.ca, "")],
  ])("in which %s leaves the last good files in use and says so", async (_, spoil) => {
    await start();
    await spoil();
    await waitFor("the complaint", told(/the files read before stay in use/), 10_000);
    const client = await connect();
    client.ask(POD, ["limen"]);
    expect((await client.next()).table).toBe("v1");
  });
});
