import { describe, expect, it } from "vitest";
import { openStreamTest } from "../../support/xds-stream.ts";

// The duties of xDS, state of the world, each as one claim.

describe("a first request", () => {
  it("is refused when it carries no node id", () => {
    const stream = openStreamTest({ target: "A" });
    expect(stream.request({ node: null }).closed).toMatch(/node with an id/);
    expect(stream.request({ nodeId: "" }).closed).toMatch(/node with an id/);
  });

  it("is refused when it asks for another type", () => {
    const stream = openStreamTest({ target: "A" });
    expect(stream.request({ typeUrl: "type.googleapis.com/other" }).closed).toMatch(/not served/);
  });

  it("is taken when the type is left out, which the method implies", () => {
    expect(openStreamTest({ target: "A" }).request({ typeUrl: "" }).sent).toBe("A");
  });

  it("is refused above 64 names, and taken with 64", () => {
    const names = Array.from({ length: 65 }, (_, index) => `n${index}`);
    expect(openStreamTest({ target: "A" }).request({ names }).closed).toMatch(/65 resource names/);
    expect(openStreamTest({ target: "A" }).request({ names: names.slice(1) }).closed).toBeNull();
  });

  it("asks for nothing when it names nothing", () => {
    expect(openStreamTest({ target: "A" }).request({ names: [] }).sent).toBeNull();
  });

  it("is answered with the target when it brings no version", () => {
    expect(openStreamTest({ target: "A" }).request({}).sent).toBe("A");
  });

  it("is answered with the target when it brings an unknown version", () => {
    expect(openStreamTest({ target: "A" }).request({ version: "0123" }).sent).toBe("A");
  });

  it("is met with silence when it brings the version of a target without a TTL", () => {
    expect(openStreamTest({ target: "A" }).request({ holds: "A" }).sent).toBeNull();
  });

  it("is answered in full when the target has a TTL, whatever version it brings", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000 });
    expect(stream.request({ holds: "A" }).sent).toBe("A");
    const again = openStreamTest({ target: "A", ttlMs: 3000 });
    expect(again.request({ version: `${again.digest("A")}+ttl` }).sent).toBe("A");
  });

  it("is answered in full when its copy had a TTL and the target has none", () => {
    const stream = openStreamTest({ target: "A" });
    expect(stream.request({ version: `${stream.digest("A")}+ttl` }).sent).toBe("A");
  });

  it("is met with silence when the target has a TTL the client cannot read and it holds it", () => {
    const stream = openStreamTest({ target: "A", ttlMs: 3000, hasTtl: false });
    expect(stream.request({ holds: "A" }).sent).toBeNull();
  });

  it("is answered for each name when it asks for several, since one version cannot speak for all", () => {
    const stream = openStreamTest({ target: "A" });
    expect(stream.request({ names: ["limen", "other"], holds: "A" }).sent).toBe("A");
  });

  it("is taken as fresh when it carries a nonce of an older stream", () => {
    expect(openStreamTest({ target: "A" }).request({ nonce: 7 }).sent).toBe("A");
  });

  it("gets a nonce above the one it carries, so that none comes twice", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({ nonce: 7 });
    expect(stream.lastNonce()).toBeGreaterThan(7);
  });
});

describe("a later request", () => {
  it("needs no node", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.ack({ node: null }).closed).toBeNull();
  });

  it("is not answered when it ACKs what was sent", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.ack().sent).toBeNull();
  });

  it("gets no answer when its nonce is older than the last sent", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    const first = stream.lastNonce();
    stream.setTarget("B");
    expect(stream.request({ nonce: first, names: ["limen", "other"] }).sent).toBeNull();
  });

  it("still tells of an ACK when its nonce is older than the last sent", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    const first = stream.lastNonce();
    stream.setTarget("B");
    stream.request({ nonce: first });
    expect(stream.nack().sent).toBe("A");
  });

  it("gets the resource of a name it adds", () => {
    const stream = openStreamTest({ target: "A", others: { other: "O" } });
    stream.request({});
    expect(stream.ack({ names: ["limen", "other"] }).sent).toBe("O");
  });

  it("gets a resource again when it dropped the name and asks anew", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    stream.ack({ names: [] });
    expect(stream.ack({}).sent).toBe("A");
  });

  it("without a nonce is taken while nothing was sent", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({ names: [] });
    expect(stream.request({ node: null }).sent).toBe("A");
  });
});

describe("a target", () => {
  it("is pushed to a stream that asked before it existed", () => {
    const stream = openStreamTest({});
    expect(stream.request({}).sent).toBeNull();
    expect(stream.setTarget("A")).toBe("A");
  });

  it("is not pushed to a stream that asks for other names", () => {
    const stream = openStreamTest({});
    stream.request({ names: ["other"] });
    expect(stream.setTarget("A")).toBeNull();
  });

  it("is not pushed twice when it is set again with the same bytes", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    stream.ack();
    expect(stream.setTarget("A")).toBeNull();
  });

  it("is pushed again when its TTL changes", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    stream.ack();
    expect(stream.setTarget("A", 3000)).toBe("A");
  });

  it("is pushed although the one before is not answered yet", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.setTarget("B")).toBe("B");
  });

  it("is known once it is ACKed, not when it is sent", () => {
    const stream = openStreamTest({ target: "A" });
    stream.request({});
    expect(stream.good()).toBeNull();
    stream.ack();
    expect(stream.good()).toBe("A");
  });
});
