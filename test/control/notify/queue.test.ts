import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createNotifier, type NotifierParts } from "../../../control/notify/notifier.ts";
import { inTurn, startReceiver } from "./receiver.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function receive(answer: (response: ServerResponse, place: number) => void) {
  const receiver = await startReceiver(answer);
  closers.push(receiver.close);
  return receiver;
}

function start(urls: readonly string[], other: Partial<NotifierParts> = {}) {
  const said: string[] = [];
  const notifier = createNotifier({
    hooks: urls.map((url) => ({ url, on: ["pushed"] })),
    now: Date.now,
    say: (line) => said.push(line),
    wait: async () => {},
    closeMs: 200,
    ...other,
  });
  closers.push(notifier.close);
  const send = (...whys: (string | number)[]): void => {
    for (const why of whys) notifier.notify({ what: "pushed", at: 0, why: String(why) });
  };
  return { notifier, said, send, counters: () => notifier.counters()[0] };
}

/** Holds the first request until told, and answers 204 to all. */
function holdFirst() {
  const held: ServerResponse[] = [];
  return {
    held,
    answer(response: ServerResponse, place: number): void {
      response.statusCode = 204;
      if (place === 0) held.push(response);
      else response.end();
    },
  };
}

const count = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("createNotifier: the queue of a hook", () => {
  it("keeps the order of events over a retry", async () => {
    const receiver = await receive(inTurn(204, 503, 503, 204));
    const { send, counters } = start([receiver.url]);
    send("a", "b", "c", "d");
    await vi.waitFor(() => expect(counters()?.sent).toBe(4));
    expect(receiver.whys().join("")).toBe("abbbcd");
  });

  it("holds 100 events behind the one under way", async () => {
    const { held, answer } = holdFirst();
    const receiver = await receive(answer);
    const { send, counters } = start([receiver.url]);
    send(...count(0, 100));
    await vi.waitFor(() => expect(held).toHaveLength(1));
    expect(counters()).toMatchObject({ dropped: 0, pending: 101 });
  });

  it("drops the oldest that waits when a 101st comes, and counts it", async () => {
    const { held, answer } = holdFirst();
    const receiver = await receive(answer);
    const { send, counters } = start([receiver.url]);
    send(...count(0, 101));
    await vi.waitFor(() => expect(held).toHaveLength(1));
    held[0]?.end();
    await vi.waitFor(() => expect(counters()?.sent).toBe(101));
    expect([counters()?.dropped, receiver.whys()]).toEqual([1, [0, ...count(2, 101)].map(String)]);
  });

  it("says once that it drops, whatever the number", async () => {
    const { answer } = holdFirst();
    const receiver = await receive(answer);
    const { send, said } = start([receiver.url]);
    send(...count(0, 150));
    expect(said).toEqual([expect.stringMatching(/100 messages wait; the oldest are dropped/)]);
  });

  it("lets a receiver that hangs delay no other one", async () => {
    const hanging = await receive(() => {});
    const working = await receive(inTurn(204));
    const { send } = start([hanging.url, working.url]);
    send("a", "b");
    await vi.waitFor(() => expect(working.whys()).toEqual(["a", "b"]));
    expect(hanging.whys()).toEqual(["a"]);
  });

  it("takes a receiver that never answers for unreachable after the time-out", async () => {
    const receiver = await receive((response, place) => {
      if (place > 0) response.writeHead(204).end();
    });
    const { send, counters } = start([receiver.url], { timeoutMs: 50 });
    send("a");
    await vi.waitFor(() => expect(counters()?.sent).toBe(1));
    expect(receiver.whys()).toEqual(["a", "a"]);
  });

  it("does not wait for the end of an answer's body", async () => {
    const receiver = await receive((response) => {
      response.writeHead(200).write("and so on");
    });
    const { send, counters } = start([receiver.url]);
    send("a", "b");
    await vi.waitFor(() => expect(counters()?.sent).toBe(2));
  });

  it("ends the connection of an answer whose body does not end", async () => {
    let isClosed = false;
    const receiver = await receive((response) => {
      response.on("close", () => {
        isClosed = true;
      });
      response.writeHead(200).write("and so on");
    });
    start([receiver.url]).send("a");
    await vi.waitFor(() => expect(isClosed).toBe(true));
  });

  it("returns at once whatever the receivers do", async () => {
    const receiver = await receive(() => {});
    const { send } = start([receiver.url]);
    const before = performance.now();
    send(...count(0, 999));
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("createNotifier: close", () => {
  it("sends what waits", async () => {
    const receiver = await receive(inTurn(204));
    const { send, notifier, counters } = start([receiver.url]);
    send(...count(1, 20));
    await notifier.close();
    expect(counters()).toEqual(expect.objectContaining({ sent: 20, dropped: 0, pending: 0 }));
  });

  it("ends within its bound when the receiver hangs, and counts what is lost", async () => {
    const receiver = await receive(() => {});
    const { send, notifier, counters } = start([receiver.url], { closeMs: 100 });
    send("a", "b", "c");
    const before = performance.now();
    await notifier.close();
    expect([performance.now() - before < 1_000, counters()]).toEqual([
      true,
      expect.objectContaining({ failed: 1, dropped: 2, pending: 0 }),
    ]);
  });

  it("ends a wait between attempts and tries once more", async () => {
    const receiver = await receive(inTurn(503, 204));
    const waitForever = (_ms: number, signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    const { send, notifier, counters } = start([receiver.url], { wait: waitForever });
    send("a");
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    await notifier.close();
    expect(counters()).toMatchObject({ sent: 1, failed: 0 });
  });

  it("ends the real wait between attempts, too", async () => {
    const receiver = await receive(inTurn(503));
    const notifier = createNotifier({
      hooks: [{ url: receiver.url, on: ["pushed"] }],
      now: Date.now,
      say: () => {},
    });
    notifier.notify({ what: "pushed", at: 0, why: "a" });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    const before = performance.now();
    await notifier.close();
    // The shortest first wait is 2 s.
    expect([performance.now() - before < 1_500, receiver.received.length]).toEqual([true, 2]);
  });

  it("counts an event that comes later as dropped", async () => {
    const receiver = await receive(inTurn(204));
    const { send, notifier, counters } = start([receiver.url]);
    await notifier.close();
    send("late");
    expect(counters()).toMatchObject({ sent: 0, dropped: 1, pending: 0 });
  });
});
