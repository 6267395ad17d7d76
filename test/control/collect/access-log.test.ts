import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { Client, type ClientWritableStream, credentials, Server } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import {
  addAccessLogService,
  type CollectOptions,
  type Collector,
  startAccessLogServer,
} from "../../../control/collect/access-log.ts";
import { readRecord } from "../../../control/collect/record.ts";
import { DecisionSchema } from "../../../control/events/decision_pb.ts";
import type { EventLog } from "../../../control/events/log.ts";
import { RejectedSchema } from "../../../control/events/rejected_pb.ts";
import { aMessage, anEntry, filterState, identifier } from "../../support/envoy-messages.ts";
import { readAll } from "../../support/log-conformance.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

const PATH = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const asIs = (bytes: Buffer): Buffer => bytes;

type Outcome = { code: number; details: string };
type Stream = { call: ClientWritableStream<Buffer>; done: Promise<Outcome> };
type Setup = { log: EventLog; collector: Collector & { port: number }; open: () => Stream };
const stops: (() => Promise<void> | void)[] = [];

async function start(options: Partial<CollectOptions> = {}): Promise<Setup> {
  const log = createMemoryLog();
  const collector = await startAccessLogServer({
    address: "127.0.0.1:0",
    append: (batch) => log.append(batch),
    hashId: (id) => id.slice(0, 8),
    batchMs: 5,
    ...options,
  });
  const client = new Client(`127.0.0.1:${collector.port}`, credentials.createInsecure());
  stops.push(
    () => client.close(),
    () => collector.close(),
  );
  const open = (): Stream => {
    let settle = (_: Outcome): void => undefined;
    const done = new Promise<Outcome>((resolve) => {
      settle = resolve;
    });
    const call = client.makeClientStreamRequest(PATH, asIs, asIs, (error) =>
      settle(error ? { code: error.code, details: error.details } : { code: 0, details: "" }),
    );
    call.on("error", () => undefined);
    return { call, done };
  };
  return { log, collector, open };
}
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let waited = 0; !isTrue() && waited < 5_000; waited += 5) await sleep(5);
}
const entries = (from: number, count: number): object[] =>
  Array.from({ length: count }, (_, at) => anEntry(from + at));
async function seqsOf(log: EventLog): Promise<number[]> {
  const stored = await readAll(log, "limen.decisions");
  return stored.map(
    ({ value }) => readRecord(fromBinary(DecisionSchema, value ?? new Uint8Array()).record).seq,
  );
}

describe("startAccessLogServer", () => {
  it("appends every entry of every message once, in order, under the node of the first", async () => {
    const { log, collector, open } = await start();
    const { call } = open();
    call.write(aMessage(entries(0, 300), identifier("node-7", "shop")));
    call.write(aMessage(entries(300, 300)));
    await until(() => collector.counters().appended === 600);
    expect(await seqsOf(log)).toEqual(Array.from({ length: 600 }, (_, at) => at));
    const last = (await readAll(log, "limen.decisions")).at(-1);
    expect(fromBinary(DecisionSchema, last?.value ?? new Uint8Array())).toMatchObject({
      node: "node-7",
      workload: "shop",
    });
  });

  it("answers a stream that ends, and counts the ones open", async () => {
    const { collector, open } = await start();
    const { call, done } = open();
    call.write(aMessage(entries(0, 1), identifier()));
    await until(() => collector.counters().streams === 1);
    call.end();
    expect((await done).code).toBe(0);
    expect(collector.counters().streams).toBe(0);
  });

  it("counts a stream that breaks as gone", async () => {
    const { collector, open } = await start();
    const { call } = open();
    call.write(aMessage(entries(0, 1), identifier()));
    await until(() => collector.counters().streams === 1);
    call.cancel();
    await until(() => collector.counters().streams === 0);
    expect(collector.counters().streams).toBe(0);
  });

  it("refuses a stream whose first message names no node, and says what to set", async () => {
    const { open } = await start();
    const { call, done } = open();
    call.write(aMessage(entries(0, 1)));
    expect(await done).toMatchObject({ code: 3, details: expect.stringMatching(/set node.id/) });
  });

  it("goes on after a bad record and a message that does not read", async () => {
    const { log, collector, open } = await start();
    const { call } = open();
    const bad = anEntry(1, {}, { filter_state_objects: filterState(new Uint8Array(3)) });
    call.write(aMessage([anEntry(0), bad, anEntry(2)], identifier()));
    call.write(Buffer.from([0x0a, 0xff]));
    call.write(aMessage([anEntry(3)]));
    await until(() => collector.counters().appended === 5);
    expect(await seqsOf(log)).toEqual([0, 2, 3]);
    const reasons = (await readAll(log, "limen.rejected")).map(
      ({ value }) => fromBinary(RejectedSchema, value ?? new Uint8Array()).reason,
    );
    expect(reasons).toEqual([
      expect.stringMatching(/decision record/),
      expect.stringMatching(/access-log message/),
    ]);
  });

  it("counts entries without a record and appends nothing for them", async () => {
    const { log, collector, open } = await start();
    const { call } = open();
    const without = anEntry(0, {}, { filter_state_objects: {} });
    call.write(aMessage([without, without, anEntry(1)], identifier()));
    await until(() => collector.counters().appended === 1);
    expect(collector.counters()).toMatchObject({ entries: 3, unrecorded: 2, decisions: 1 });
    expect(await seqsOf(log)).toEqual([1]);
  });

  it("holds the stream back while the log is slow, and loses nothing", async () => {
    const log = createMemoryLog();
    const append = async (batch: Parameters<EventLog["append"]>[0]): Promise<void> => {
      await sleep(10);
      await log.append(batch);
    };
    // Room for four messages, half of it before the stream is held back.
    const { collector, open } = await start({ append, batchEvents: 100, bufferEvents: 400 });
    const { call } = open();
    for (let at = 0; at < 20; at++) {
      call.write(aMessage(entries(100 * at, 100), at === 0 ? identifier() : undefined));
    }
    await until(() => collector.counters().appended === 2000);
    expect(collector.counters().dropped).toBe(0);
    expect((await seqsOf(log)).length).toBe(2000);
  });

  it("tells its counters after each batch", async () => {
    const told: number[] = [];
    const { collector, open } = await start({
      onCounters: ({ decisions }) => told.push(decisions),
    });
    open().call.write(aMessage(entries(0, 5), identifier()));
    await until(() => collector.counters().appended === 5);
    expect(told.at(-1)).toBe(5);
  });

  it.each(["0.0.0.0:0", "192.168.0.1:80", "[::]:0", "example.org:1"])(
    "refuses %s",
    async (address) => {
      const options = { address, append: async () => undefined, hashId: asIs as never };
      await expect(startAccessLogServer(options)).rejects.toThrow(/not a loopback address/);
    },
  );

  it("says which address is taken", async () => {
    const { collector } = await start();
    const address = `127.0.0.1:${collector.port}`;
    const second = start({ address } as never);
    await expect(second).rejects.toThrow(`cannot listen on ${address}`);
  });
});

describe("addAccessLogService", () => {
  it("shares a server with other services", async () => {
    const server = new Server();
    const collector = addAccessLogService(server, {
      append: async () => undefined,
      hashId: (id) => id,
    });
    expect(() => server.addService({ ping: pingMethod }, { ping: () => undefined })).not.toThrow();
    await collector.close();
  });
});

const pingMethod = {
  path: "/other.Service/Ping",
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};
