/** `kafkajs` by itself, doing nothing with what it moves. */
import { type IHeaders, Kafka, logLevel, type Message, Partitioners } from "kafkajs";

/** More than one request under way to a leader would break the order an idempotent producer keeps. */
const IN_FLIGHT = 1;
/** Sends that wait for their turn, so that the connection is never idle. */
const SENDS = 2;

const connect = (broker: string): Kafka =>
  new Kafka({ brokers: [broker], clientId: "limen-bench", logLevel: logLevel.NOTHING });

export type RawEvent = { key: Uint8Array | null; value: Uint8Array | null; headers?: IHeaders };

/** An idempotent producer with acks of all; a call appends batches and says how long it took. */
export async function openRawProducer(broker: string, topic: string) {
  const producer = connect(broker).producer({
    idempotent: true,
    maxInFlightRequests: IN_FLIGHT,
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  await producer.connect();
  const send = async (batches: readonly (readonly RawEvent[])[]): Promise<number> => {
    const begun = performance.now();
    let at = 0;
    const drive = async (): Promise<void> => {
      for (let batch = batches[at++]; batch; batch = batches[at++]) {
        await producer.send({ topic, acks: -1, messages: batch as Message[] });
      }
    };
    await Promise.all(Array.from({ length: SENDS }, drive));
    return performance.now() - begun;
  };
  return { send, close: () => producer.disconnect() };
}

/** Milliseconds from having the partitions to the last of `count` records, by eachBatch. */
export async function consumeRaw(broker: string, topic: string, count: number): Promise<number> {
  const groupId = `raw-${process.hrtime.bigint()}`;
  const consumer = connect(broker).consumer({ groupId, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let begun = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    begun ||= performance.now();
  });
  let [seen, bytes] = [0, 0];
  const took = await new Promise<number>((resolve, reject) => {
    const eachBatch = async ({ batch }: { batch: { messages: { value: Buffer | null }[] } }) => {
      for (const { value } of batch.messages) {
        if (value === null) continue;
        seen++;
        bytes += value.length;
      }
      if (seen >= count) resolve(performance.now() - begun);
    };
    consumer.run({ autoCommit: false, eachBatch }).catch(reject);
  });
  await consumer.disconnect();
  if (seen !== count || bytes === 0) throw new Error(`${seen} records instead of ${count}`);
  return took;
}
