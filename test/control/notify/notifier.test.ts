import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  createNotifier,
  type NotifierParts,
  type NotifyEvent,
} from "../../../control/notify/notifier.ts";
import { HOOK_EVENTS } from "../../../control/settings-notify.ts";
import { inTurn, type Received, startReceiver } from "./receiver.ts";

const AT = Date.UTC(2026, 2, 4);
const KEY = Buffer.from("0123456789abcdef0123456789abcdef");
const folder = mkdtempSync(join(tmpdir(), "limen-notify-"));
const secret = join(folder, "hook.key");
writeFileSync(secret, `whsec_${KEY.toString("base64")}\n`, { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true }));

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const eventOf = (why: string, what: NotifyEvent["what"] = "alarm"): NotifyEvent => ({
  what,
  at: AT,
  why,
});

async function receive(answer: (response: ServerResponse, place: number) => void) {
  const receiver = await startReceiver(answer);
  closers.push(receiver.close);
  return receiver;
}

/** A notifier to these URLs that waits no time between attempts and notes how long it would. */
function start(urls: readonly string[], other: Partial<NotifierParts> = {}) {
  const said: string[] = [];
  const waits: number[] = [];
  const notifier = createNotifier({
    hooks: urls.map((url) => ({ url, on: HOOK_EVENTS })),
    now: () => AT,
    say: (line) => said.push(line),
    random: () => 0,
    wait: async (ms) => {
      waits.push(ms);
    },
    closeMs: 200,
    ...other,
  });
  closers.push(notifier.close);
  return { notifier, said, waits };
}

/** The signature by another implementation than the notifier's, over the bytes as they came. */
async function signByWebCrypto({ headers, body }: Received): Promise<string> {
  const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", KEY, algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
}

describe("createNotifier: a delivery", () => {
  it("posts JSON to the path of the hook", async () => {
    const receiver = await receive(inTurn(204));
    start([receiver.url]).notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    const [{ method, path, headers }] = receiver.received as [Received];
    expect([method, path, headers["content-type"]]).toEqual([
      "POST",
      "/hook/s3cr3t",
      "application/json",
    ]);
  });

  it("signs id, time and body with the key of the file", async () => {
    const receiver = await receive(inTurn(204));
    const hooks = [{ url: receiver.url, on: HOOK_EVENTS, secret }];
    start([], { hooks }).notifier.notify(eventOf("näher am Schnitt"));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    const [first] = receiver.received as [Received];
    expect(first.headers["webhook-signature"]).toBe(await signByWebCrypto(first));
  });

  it("sends no signature without a secret", async () => {
    const receiver = await receive(inTurn(204));
    start([receiver.url]).notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
    expect(receiver.received[0]?.headers).not.toHaveProperty("webhook-signature");
  });

  it("sends a hook the events it asks for and no others", async () => {
    const receiver = await receive(inTurn(204));
    const { notifier } = start([], { hooks: [{ url: receiver.url, on: ["nack", "off"] }] });
    for (const what of HOOK_EVENTS) notifier.notify(eventOf(what, what));
    await notifier.close();
    expect(receiver.whys()).toEqual(["nack", "off"]);
  });

  it("follows no redirect and takes one for a failure", async () => {
    const receiver = await receive(inTurn(307));
    const { notifier, waits } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.failed).toBe(1));
    expect([receiver.received.map(({ path }) => path), waits]).toEqual([["/hook/s3cr3t"], []]);
  });
});

describe("createNotifier: retries", () => {
  it("delivers after a 503 under the same id, signed anew at the time of the attempt", async () => {
    const receiver = await receive(inTurn(503, 200));
    let now = AT;
    const { notifier } = start([], {
      hooks: [{ url: receiver.url, on: HOOK_EVENTS, secret }],
      now: () => now,
      wait: async (ms) => {
        now += ms;
      },
    });
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.sent).toBe(1));
    const [first, second] = receiver.received as [Received, Received];
    expect([
      second.headers["webhook-id"] === first.headers["webhook-id"],
      Number(second.headers["webhook-timestamp"]) - Number(first.headers["webhook-timestamp"]),
      second.headers["webhook-signature"] === (await signByWebCrypto(second)),
    ]).toEqual([true, 2, true]);
  });

  it("does not try again after a 400, counts it and says so", async () => {
    const receiver = await receive(inTurn(400));
    const { notifier, said } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.failed).toBe(1));
    expect([receiver.received.length, said]).toEqual([
      1,
      [`notify ${new URL(receiver.url).origin}: alarm not delivered after 1 attempt: HTTP 400`],
    ]);
  });

  it("gives up after 7 attempts and goes on with the next event", async () => {
    const receiver = await receive(inTurn(...Array(7).fill(500), 204));
    const { notifier } = start([receiver.url]);
    notifier.notify(eventOf("a"));
    notifier.notify(eventOf("b"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.sent).toBe(1));
    expect([receiver.whys().join(""), notifier.counters()[0]?.failed]).toEqual(["aaaaaaab", 1]);
  });

  it("tries again when nobody listens, and names the fault in the end", async () => {
    const receiver = await startReceiver(inTurn(204));
    await receiver.close();
    const { notifier, said, waits } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(said).toHaveLength(1));
    expect([waits.length, said[0]]).toEqual([
      6,
      expect.stringContaining("7 attempts: ECONNREFUSED"),
    ]);
  });

  it("waits as long as the receiver asks", async () => {
    const receiver = await receive((response, place) => {
      response.writeHead(place === 0 ? 429 : 204, { "retry-after": "30" }).end();
    });
    const { notifier, waits } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.sent).toBe(1));
    expect(waits).toEqual([30_000]);
  });

  it("waits for all attempts of an event together less than 5 minutes", async () => {
    const receiver = await receive((response) => {
      response.writeHead(503, { "retry-after": "200" }).end();
    });
    const { notifier, waits } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.failed).toBe(1));
    const total = waits.reduce((sum, ms) => sum + ms, 0);
    expect([waits[0], total < 300_000]).toEqual([200_000, true]);
  });

  it("says nothing of the path of a URL, which is often a secret", async () => {
    const receiver = await receive(inTurn(404));
    const { said, notifier } = start([receiver.url]);
    notifier.notify(eventOf("x"));
    await vi.waitFor(() => expect(said).toHaveLength(1));
    expect(said[0]).not.toContain("s3cr3t");
  });
});

describe("createNotifier: what it is given", () => {
  it("names the hook with a bad URL", () => {
    expect(() => start(["http://127.0.0.1:1/", "ftp://127.0.0.1/"])).toThrow(
      /^notify\.1\.url: ftp/,
    );
  });

  it("names a secret file that is missing", () => {
    const file = join(folder, "missing.key");
    const hooks = [{ url: "http://127.0.0.1:1/", on: HOOK_EVENTS, secret: file }];
    expect(() => start([], { hooks })).toThrow(`notify: secret ${file}: cannot be read`);
  });

  it("says that an event without a time is lost, and does not throw", () => {
    const { notifier, said } = start(["http://127.0.0.1:1/"]);
    notifier.notify({ what: "alarm", at: Number.NaN, why: "x" });
    expect(said).toEqual([expect.stringMatching(/^notify: an event that cannot be written/)]);
  });

  it("goes on when the line for the operator cannot be written", async () => {
    const receiver = await receive(inTurn(400, 204));
    const { notifier } = start([receiver.url], {
      say: () => {
        throw new Error("EPIPE");
      },
    });
    notifier.notify(eventOf("a"));
    notifier.notify(eventOf("b"));
    await vi.waitFor(() => expect(notifier.counters()[0]?.sent).toBe(1));
  });
});
