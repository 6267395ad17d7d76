import { afterEach, describe, expect, it } from "vitest";
import { buildResource, type Resource } from "../../../control/xds/resource.ts";
import { startXdsServer, type XdsOptions, type XdsServer } from "../../../control/xds/server.ts";
import type { Acked, Nacked } from "../../../control/xds/session.ts";
import { aNode, openDeafClient, openXdsClient, type XdsClient } from "../../support/xds-client.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  // Clients first: a server waits for streams that have no end.
  for (const one of open.splice(0).reverse()) await one.close();
});

const table = (text: string): Resource =>
  buildResource({
    name: "limen",
    table: Buffer.from(text),
    wasm: { path: "limen.wasm" },
    vmId: "limen",
  });

async function startServer(more: Partial<XdsOptions> = {}): Promise<XdsServer> {
  const server = await startXdsServer({ address: "127.0.0.1:0", ...more });
  open.push(server);
  return server;
}

function connect(port: number): XdsClient {
  const client = openXdsClient(port);
  open.push(client);
  return client;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("startXdsServer", () => {
  it.each(["0.0.0.0:18000", "10.0.0.1:18000", "[::]:18000", ":18000"])(
    "refuses to listen on %s until identity exists",
    async (address) => {
      await expect(startXdsServer({ address })).rejects.toThrow(/not a loopback address/);
    },
  );

  it("says so when the port is taken", async () => {
    const { port } = await startServer();
    await expect(startXdsServer({ address: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("names itself as control plane", async () => {
    const server = await startServer({ identifier: "limen at home" });
    server.setTarget("limen", table("A"));
    const client = connect(server.port);
    client.ask("n", ["limen"]);
    expect((await client.next()).message.controlPlane?.identifier).toBe("limen at home");
  });

  it("ends a stream without a node id with INVALID_ARGUMENT", async () => {
    const client = connect((await startServer()).port);
    client.send({ resourceNames: ["limen"] });
    expect(await client.ended).toMatchObject({ code: 3, details: /node with an id/ });
  });

  it("refuses a resource under another name, and a TTL of 0", async () => {
    const server = await startServer();
    expect(() => server.setTarget("other", table("A"))).toThrow(/one name/);
    expect(() => server.setTarget("limen", table("A"), { ttlMs: 0 })).toThrow(/ttl of 0 ms/);
  });
});

describe("setTarget", () => {
  it("reaches every proxy that asked, and tells of each ACK with its time", async () => {
    const acks: Acked[] = [];
    const server = await startServer({ onAck: (acked) => acks.push(acked) });
    const clients = ["a", "b", "c"].map((node) => {
      const client = connect(server.port);
      client.ask(node, ["limen"]);
      return client;
    });
    await wait(100);
    server.setTarget("limen", table("A"));
    for (const client of clients) client.ack(await client.next());
    await expect.poll(() => acks.map(({ node }) => node).sort()).toEqual(["a", "b", "c"]);
    expect(
      acks.every(({ pushMs, digest }) => pushMs !== null && digest === table("A").digest),
    ).toBe(true);
  });

  it("reaches more streams than one turn of the event loop wakes", async () => {
    const server = await startServer();
    const clients = Array.from({ length: 300 }, (_, n) => {
      const client = connect(server.port);
      client.ask(`n${n}`, ["limen"]);
      return client;
    });
    await expect.poll(() => server.proxies().length, { timeout: 10_000 }).toBe(300);
    server.setTarget("limen", table("A"));
    const received = await Promise.all(clients.map((client) => client.next()));
    expect(received.every((one) => one.table === "A")).toBe(true);
  });

  it("sends one and the same nonce to all streams of a push", async () => {
    const server = await startServer();
    const clients = ["a", "b"].map((node) => {
      const client = connect(server.port);
      client.ask(node, ["limen"]);
      return client;
    });
    await wait(100);
    server.setTarget("limen", table("A"));
    const nonces = await Promise.all(clients.map(async (one) => (await one.next()).message.nonce));
    expect(new Set(nonces).size).toBe(1);
  });

  it("wraps the resource with its TTL and beats with the same bytes every third of it", async () => {
    const server = await startServer();
    server.setTarget("limen", table("A"), { ttlMs: 600 });
    const client = connect(server.port);
    client.ask("n", ["limen"]);
    const first = await client.next();
    client.ack(first);
    const sentAt = performance.now();
    const beat = await client.next();
    expect(performance.now() - sentAt).toBeGreaterThan(150);
    expect(performance.now() - sentAt).toBeLessThan(500);
    expect(beat).toMatchObject({ table: "A", ttlMs: 600 });
    expect(beat.message.nonce).not.toBe(first.message.nonce);
  });

  it("sends no TTL to an Envoy below 1.17", async () => {
    const server = await startServer();
    server.setTarget("limen", table("A"), { ttlMs: 600 });
    const [old, young] = [connect(server.port), connect(server.port)];
    old.ask("old", ["limen"], { node: aNode("old", "1.16.9") });
    young.ask("young", ["limen"], { node: aNode("young", "1.17.0") });
    expect((await old.next()).ttlMs).toBeNull();
    expect((await young.next()).ttlMs).toBe(600);
  });
});

describe("a NACK", () => {
  it("is answered with the last good bytes, told, and seen in proxies()", async () => {
    const nacks: Nacked[] = [];
    const server = await startServer({ onNack: (nacked) => nacks.push(nacked) });
    server.setTarget("limen", table("A"));
    const client = connect(server.port);
    client.ask("n", ["limen"]);
    client.ack(await client.next());
    server.setTarget("limen", table("B"));
    client.nack(await client.next(), "Unable to create Wasm plugin", table("A").digest);
    const answer = await client.next();
    expect(answer.table).toBe("A");
    client.ack(answer);
    expect(nacks).toMatchObject([{ node: "n", message: "Unable to create Wasm plugin" }]);
    await expect
      .poll(() => server.proxies()[0])
      .toMatchObject({
        node: "n",
        acked: { digest: table("A").digest },
        nacked: { digest: table("B").digest },
        refused: [table("B").digest],
      });
  });

  it("told to a new server by refuse() keeps the bytes from that node only", async () => {
    const server = await startServer();
    server.setBase("limen", table(""));
    server.refuse("n", "limen", table("B").digest);
    server.setTarget("limen", table("B"));
    const [node, other] = [connect(server.port), connect(server.port)];
    node.ask("n", ["limen"]);
    other.ask("m", ["limen"]);
    expect((await node.next()).table).toBe("");
    expect((await other.next()).table).toBe("B");
  });
});

describe("a restart", () => {
  it("is silent to a proxy that holds the target without a TTL, and counts it as ACKed", async () => {
    const former = await startServer();
    former.setTarget("limen", table("A"));
    const client = connect(former.port);
    client.ask("n", ["limen"]);
    const { message } = await client.next();
    const server = await startServer();
    server.setTarget("limen", table("A"));
    const again = connect(server.port);
    again.ask("n", ["limen"], { versionInfo: message.versionInfo });
    await wait(200);
    expect(again.inbox).toEqual([]);
    expect(server.proxies()[0]?.acked?.digest).toBe(table("A").digest);
  });
});

describe("a proxy that goes", () => {
  it("stays in proxies() as not connected", async () => {
    const gone: string[] = [];
    const server = await startServer({ onDisconnect: ({ id }) => gone.push(id) });
    server.setTarget("limen", table("A"));
    const client = connect(server.port);
    client.ask("n", ["limen"]);
    await client.next();
    client.close();
    await expect.poll(() => server.proxies()[0]?.isConnected).toBe(false);
    expect(gone).toEqual(["n"]);
  });
});

describe("a proxy that reads nothing", () => {
  it("is dropped after the deadline and delays no other", async () => {
    const server = await startServer({ writeDeadlineMs: 300 });
    const big = (fill: string): Resource => table(fill.repeat(1_000_000));
    open.push(openDeafClient(server.port, "slow", ["limen"]));
    const quick = connect(server.port);
    quick.ask("quick", ["limen"]);
    const started = performance.now();
    for (const fill of ["a", "b", "c"]) {
      server.setTarget("limen", big(fill));
      const received = await quick.next();
      expect(received.table.slice(0, 1)).toBe(fill);
      quick.ack(received);
    }
    expect(performance.now() - started).toBeLessThan(2000);
    const slowRow = () => server.proxies().find(({ node }) => node === "slow");
    await expect.poll(() => slowRow()?.isConnected, { timeout: 5000 }).toBe(false);
  });
});

describe("connectRate", () => {
  it("answers new streams one after the other, and all of them", async () => {
    const server = await startServer({ connectRate: { perSecond: 20, burst: 1 } });
    server.setTarget("limen", table("A"));
    const clients = ["a", "b", "c", "d", "e"].map((node) => {
      const client = connect(server.port);
      client.ask(node, ["limen"]);
      return client;
    });
    const started = performance.now();
    for (const client of clients) await client.next();
    expect(performance.now() - started).toBeGreaterThan(150);
  });
});

describe("close", () => {
  it("ends streams with OK over the drain time", async () => {
    const server = await startServer();
    server.setTarget("limen", table("A"));
    const clients = ["a", "b", "c"].map((node) => {
      const client = connect(server.port);
      client.ask(node, ["limen"]);
      return client;
    });
    for (const client of clients) await client.next();
    await server.close({ drainMs: 200 });
    const ends = await Promise.all(clients.map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
  });
});
