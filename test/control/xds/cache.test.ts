import { describe, expect, it } from "vitest";
import { createCache, NODES_MAX } from "../../../control/xds/cache.ts";
import { aResource } from "../../support/xds-stream.ts";

const offer = (text: string, ttlMs: number | null = null) => ({
  resource: aResource("limen", text),
  ttlMs,
});

describe("createCache", () => {
  it("encodes an offer once: every stream gets the same buffer", () => {
    const cache = createCache("limen");
    const first = cache.frame("limen", offer("A"), 0);
    expect(cache.frame("limen", offer("A"), 0).bytes).toBe(first.bytes);
  });

  it("encodes anew under a higher nonce for a stream that had the frame, and shares that too", () => {
    const cache = createCache("limen");
    const first = cache.frame("limen", offer("A"), 0);
    const second = cache.frame("limen", offer("A"), first.nonce);
    expect(second.nonce).toBeGreaterThan(first.nonce);
    expect(cache.frame("limen", offer("A"), first.nonce).bytes).toBe(second.bytes);
  });

  it("keeps a frame with a TTL apart from one without", () => {
    const cache = createCache("limen");
    const [plain, timed] = [offer("A"), offer("A", 1000)];
    expect(cache.frame("limen", plain, 0).bytes).not.toEqual(cache.frame("limen", timed, 0).bytes);
  });

  it("reads its own nonces back, none as 0, and those of another server as -1", () => {
    const cache = createCache("limen");
    const { nonce, bytes } = cache.frame("limen", offer("A"), 41);
    const text = /[0-9a-f]{12}\.42/.exec(bytes.toString("latin1"))?.[0] ?? "";
    expect(nonce).toBe(42);
    expect(cache.parseNonce(text)).toBe(42);
    expect(cache.parseNonce("")).toBe(0);
    expect(createCache("limen").parseNonce(text)).toBe(-1);
  });

  it("finds the last 16 resources of a name, and not the one before", () => {
    const cache = createCache("limen");
    for (let index = 0; index < 17; index += 1) cache.setTarget(offer(`${index}`));
    expect(cache.catalog.find("limen", aResource("limen", "1").digest)).not.toBeNull();
    expect(cache.catalog.find("limen", aResource("limen", "0").digest)).toBeNull();
  });

  it("remembers 20,000 nodes and forgets the one unchanged longest", () => {
    const cache = createCache("limen");
    for (let index = 0; index <= NODES_MAX; index += 1) cache.refuse(`n${index}`, "limen", "d");
    expect(cache.memory("n0").size).toBe(0);
    expect(cache.memory("n1").size).toBe(1);
  });
});
