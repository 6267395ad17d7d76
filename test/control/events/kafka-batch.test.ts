import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeProduce } from "../../../control/events/kafka-batch.ts";

type Encoder = { buffer: Buffer };
const produceOfKafkajs = createRequire(import.meta.url)(
  "kafkajs/src/protocol/requests/produce/v7/request",
) as (options: object) => { encode: () => Promise<Encoder> };

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
const event = fc.record({
  key: bytes,
  value: bytes,
  headers: fc.dictionary(fc.string({ maxLength: 70 }), fc.string({ maxLength: 70 }), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
});
const part = fc.record({
  partition: fc.nat(1_000),
  firstSequence: fc.nat(2 ** 30),
  events: fc.array(event, { minLength: 1, maxLength: 90 }),
});
const asBuffer = (value: Uint8Array | null): Buffer | null => value && Buffer.from(value);

describe("encodeProduce", () => {
  it("writes what kafkajs writes, byte for byte", async () => {
    const time = 1_700_000_000_000;
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 3 }), async (parts) => {
        const numbers = { acks: -1, producerEpoch: 3 };
        const topic = "shop-limen.decisions";
        const partitions = parts.map(({ events, ...rest }) => ({
          ...rest,
          messages: events.map(({ key, value, headers }) => ({
            key: asBuffer(key),
            value: asBuffer(value),
            headers,
            timestamp: time,
          })),
        }));
        const theirs = await produceOfKafkajs({
          ...numbers,
          timeout: 4_000,
          producerId: "77",
          topicData: [{ topic, partitions }],
        }).encode();
        const tagged = parts.map((one) => ({
          ...one,
          events: one.events.map((own) => ({ topic: "limen.decisions" as const, ...own })),
        }));
        const own = { topic, timeoutMs: 4_000, producerId: 77n, time, parts: tagged };
        const ours = encodeProduce({ ...numbers, ...own });
        expect(ours.equals(theirs.buffer)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
