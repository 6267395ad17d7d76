import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bookSent, bookUnanswered, findDue, markBeats } from "../../../control/xds/due.ts";
import * as rules from "../../../control/xds/subscription.ts";
import { ECDS_TYPE_URL } from "../../support/xds-client.ts";
import { createEnvoy, type EnvoyAnswer, isBad } from "../../support/xds-envoy.ts";
import { aResource } from "../../support/xds-stream.ts";

const NAME = "limen";
const TEXTS = ["a", "b", "c", "bad!", "worse!"];
const TTL_MS = 300;
const node: rules.Node = { id: "n", cluster: "", version: "", hasTtl: true };

/** One node, its stream, and the two directions of a connection that may break. */
function createLoop() {
  const envoy = createEnvoy();
  const known = new Map<string, rules.Offer>();
  let target: rules.Offer | null = null;
  const base = aResource(NAME, "base");
  known.set(base.digest, { resource: base, ttlMs: null });
  const catalog: rules.Catalog = {
    target: () => target,
    base: () => base,
    find: (_, digest) => known.get(digest) ?? null,
  };
  let stream = rules.NEW_STREAM;
  let memory: rules.Memory = new Map();
  let at = 0;
  let counter = 0;
  let toEnvoy: rules.Sent[] = [];
  let toServer: EnvoyAnswer[] = [envoy.connect()];
  /** Everything written on this stream, oldest first. */
  let written: rules.Sent[] = [];

  const check = (sent: rules.Sent): void => {
    const { refused } = rules.memoryOf(memory, NAME);
    expect(refused.has(sent.offer.resource.digest), "sends refused bytes").toBe(false);
    const former = written.at(-1);
    expect(sent.nonce, "repeats a nonce").toBeGreaterThan(former?.nonce ?? 0);
    const isSame =
      former !== undefined &&
      former.offer.resource.digest === sent.offer.resource.digest &&
      former.offer.ttlMs === sent.offer.ttlMs;
    if (isSame) expect(sent.reason, "sends the same bytes without a reason").toBe("beat");
  };
  return {
    envoy,
    catalog,
    memory: () => memory,
    isIdle: () => toEnvoy.length === 0 && toServer.length === 0,
    due: () => findDue(stream, memory, catalog),
    setTarget(text: string, ttlMs: number | null): void {
      target = { resource: aResource(NAME, text), ttlMs };
      known.set(target.resource.digest, target);
    },
    write(): void {
      const due = findDue(stream, memory, catalog);
      if (due === null) return;
      counter = Math.max(counter, stream.nonceFloor) + 1;
      const sent: rules.Sent = { ...due, nonce: counter, at, answer: "open" };
      check(sent);
      stream = bookSent(stream, due, counter, at);
      memory = bookUnanswered(memory, NAME, due.offer.resource.digest);
      toEnvoy.push(sent);
      written.push(sent);
    },
    deliver(): void {
      const sent = toEnvoy.shift();
      if (sent === undefined) return;
      const text = Buffer.from(sent.offer.resource.bytes).toString();
      toServer.push(envoy.take(text, rules.versionOf(sent.offer), sent.nonce));
    },
    answer(): void {
      const answer = toServer.shift();
      if (answer === undefined) return;
      const { version, nonce, error } = answer;
      const request = {
        node: answer.isFirst ? node : null,
        version,
        names: [NAME],
        typeUrl: ECDS_TYPE_URL,
        nonce,
        error,
      };
      const step = rules.receive({ stream, memory }, request, catalog, ECDS_TYPE_URL);
      ({ stream, memory } = step);
    },
    junk(nonce: number): void {
      // Before the first response no nonce is stale.
      if (stream.nonce === 0 || nonce === stream.nonce) return;
      if (stream.open.some((sent) => sent.nonce === nonce)) return;
      const request = { node: null, version: "", names: [], typeUrl: "", nonce, error: "junk" };
      ({ stream, memory } = rules.receive({ stream, memory }, request, catalog, ECDS_TYPE_URL));
    },
    pass(ms: number): void {
      at += ms;
      stream = markBeats(stream, at);
    },
    reconnect(): void {
      stream = rules.NEW_STREAM;
      toEnvoy = [];
      written = [];
      toServer = [envoy.connect()];
    },
  };
}

type Loop = ReturnType<typeof createLoop>;

/** The connection breaks after the client took a response and before its answer arrived. */
function loseAnswer(loop: Loop): void {
  loop.write();
  loop.deliver();
  loop.reconnect();
}

const move: fc.Arbitrary<(loop: Loop) => void> = fc.oneof(
  { weight: 4, arbitrary: fc.constant((loop: Loop) => loop.write()) },
  { weight: 4, arbitrary: fc.constant((loop: Loop) => loop.deliver()) },
  { weight: 4, arbitrary: fc.constant((loop: Loop) => loop.answer()) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...TEXTS), fc.constantFrom(null, TTL_MS)).map(
      ([text, ttlMs]) =>
        (loop: Loop) =>
          loop.setTarget(text, ttlMs),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 9 }).map((n) => (loop: Loop) => loop.junk(n)),
  },
  { weight: 1, arbitrary: fc.constant((loop: Loop) => loop.pass(TTL_MS / 3)) },
  { weight: 1, arbitrary: fc.constant((loop: Loop) => loop.reconnect()) },
  { weight: 2, arbitrary: fc.constant(loseAnswer) },
);

function settle(loop: Loop): void {
  for (let count = 0; count < 50; count += 1) {
    loop.answer();
    loop.write();
    loop.deliver();
  }
}

describe("a stream under any order of pushes, answers, stale nonces and broken connections", () => {
  it("never sends refused bytes, nor the same bytes without a reason, nor a nonce twice", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
        const loop = createLoop();
        for (const one of moves) one(loop);
      }),
      { numRuns: 10_000 },
    );
  });

  it("comes to rest, with the client on the target unless it refuses the target", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
        const loop = createLoop();
        for (const one of moves) one(loop);
        settle(loop);
        expect(loop.isIdle() && loop.due() === null).toBe(true);
        const target = loop.catalog.target(NAME);
        if (target === null) return;
        const text = Buffer.from(target.resource.bytes).toString();
        if (!isBad(text)) expect(loop.envoy.applied()).toBe(text);
        else expect(isBad(loop.envoy.applied())).toBe(false);
      }),
      { numRuns: 10_000 },
    );
  });

  it("knows at rest what the client applied", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
        const loop = createLoop();
        for (const one of moves) one(loop);
        settle(loop);
        const { good } = rules.memoryOf(loop.memory(), NAME);
        const text = good === null ? "" : Buffer.from(good.resource.bytes).toString();
        expect(text).toBe(loop.envoy.applied());
      }),
      { numRuns: 10_000 },
    );
  });
});
