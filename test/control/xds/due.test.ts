import { describe, expect, it } from "vitest";
import { openStreamTest, REASONS } from "../../support/xds-stream.ts";

describe("a NACK", () => {
  it("is a request with error_detail, whatever version it brings", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.nack({ version: stream.digest("A") });
    expect(stream.refused()).toEqual([stream.digest("A")]);
  });

  it("is answered at once with the last ACKed bytes", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.ack();
    stream.setTarget("B");
    expect(stream.nack().sent).toBe("A");
    expect(stream.lastReason()).toBe(REASONS.restore);
  });

  it("is answered with the base when the node never ACKed anything", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    expect(stream.nack().sent).toBe("0");
  });

  it("is met with silence when nothing is left to send", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.nack().sent).toBeNull();
  });

  it("keeps the bytes from the node on its next stream too", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.nack();
    stream.reconnect();
    expect(stream.request({}).sent).toBe("0");
  });

  it("is answered with the version the node came with, when the server knows those bytes", () => {
    const stream = openStreamTest({ target: "A", base: "0", former: ["A"] });
    stream.request({ holds: "A" });
    stream.setTarget("B");
    expect(stream.nack().sent).toBe("A");
  });

  it("is not undone by a later ACK of the same bytes, which Envoy gives without applying them", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    const first = stream.lastNonce();
    stream.setTarget("B");
    stream.setTarget("A");
    const third = stream.lastNonce();
    stream.request({ nonce: first, error: "bad" });
    stream.request({ nonce: third });
    expect(stream.good()).toBeNull();
  });

  it("does not hold the next target back", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.nack();
    stream.ack();
    expect(stream.setTarget("B")).toBe("B");
  });

  it("of 257 different bytes forgets the first", () => {
    const stream = openStreamTest({ base: "0" });
    stream.request({});
    for (let index = 0; index < 256; index += 1) {
      stream.setTarget(`bad ${index}`);
      stream.nack();
    }
    expect(stream.refused()).toContain(stream.digest("bad 0"));
    stream.setTarget("bad 256");
    stream.nack();
    expect(stream.refused()).not.toContain(stream.digest("bad 0"));
  });
});

describe("a stream that ends before an answer", () => {
  it("leaves a doubt: the next one sends the last good bytes first, then the target", () => {
    const stream = openStreamTest({ target: "A", base: "0", former: ["A"] });
    stream.request({});
    stream.ack();
    stream.setTarget("B");
    stream.reconnect();
    expect(stream.request({ holds: "A" }).sent).toBe("A");
    expect(stream.ack().sent).toBe("B");
  });

  it("leaves no doubt when the client comes back with those bytes", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.reconnect();
    expect(stream.request({ holds: "A" }).sent).toBeNull();
  });

  it("does not hold back a target that is not in doubt", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.reconnect();
    stream.setTarget("B");
    expect(stream.request({}).sent).toBe("B");
  });

  it("keeps the doubt when the stream after it ends before an answer too", () => {
    const stream = openStreamTest({ target: "A", base: "0" });
    stream.request({});
    stream.reconnect();
    expect(stream.request({}).sent).toBe("0");
    stream.reconnect();
    expect(stream.request({}).sent).toBe("0");
    expect(stream.ack().sent).toBe("A");
  });

  it("gets the bytes in doubt when there are no others", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    stream.reconnect();
    expect(stream.request({}).sent).toBe("A");
  });
});

describe("a heartbeat", () => {
  it("is the same bytes in full once a third of the TTL has passed since the send", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000 });
    stream.request({});
    stream.ack();
    expect(stream.beatAfter(999)).toBeNull();
    expect(stream.beatAfter(1)).toBe("A");
    expect(stream.lastReason()).toBe(REASONS.beat);
  });

  it("comes under a new nonce", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000 });
    stream.request({});
    const first = stream.lastNonce();
    stream.ack();
    stream.beatAfter(1000);
    expect(stream.lastNonce()).toBeGreaterThan(first);
  });

  it("waits for the answer to the send before it, which may be a NACK of these bytes", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000 });
    stream.request({});
    expect(stream.beatAfter(5000)).toBeNull();
  });

  it("is not sent for a target without a TTL", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    stream.ack();
    expect(stream.beatAfter(1e9)).toBeNull();
  });

  it("is not sent to a client that cannot read a TTL", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000, hasTtl: false });
    stream.request({});
    stream.ack();
    expect(stream.beatAfter(1e9)).toBeNull();
  });

  it("keeps the last good bytes alive where the target was refused", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000 });
    stream.request({});
    stream.ack();
    stream.setTarget("B", 3000);
    stream.nack();
    stream.ack();
    expect(stream.beatAfter(1000)).toBe("A");
  });

  it("waits for the answer to the same bytes before it gives them another TTL", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.setTarget("A", 3000)).toBeNull();
    expect(stream.ack().sent).toBe("A");
  });
});
