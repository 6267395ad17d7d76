import { encodeProduce } from "./kafka-batch.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { classify, PRODUCER_LOST } from "./kafka-errors.ts";
import { type Broker, type Cluster, produceBytes } from "./kafka-internals.ts";
import { findLeader } from "./kafka-read.ts";
import type { NewEvent } from "./log.ts";
import { VALUE_BYTES_MAX } from "./log.ts";

/** The caller counts what it cannot hold, so it must know soon; a new leader takes some seconds. */
const APPEND_MS = 10_000;
/** How long a broker may wait for its replicas. */
const ACK_MS = 4_000;
/** Below what topics allow (8 MiB), with room for what a batch adds. */
const BATCH_BYTES_MAX = 7.5 * 1024 * 1024;
/** Lengths, times and offsets of one record, and of one header, at most. */
const RECORD_BYTES = 40;
const HEADER_BYTES = 10;
const SEQUENCE_MAX = 2 ** 30;

/** Numbers by which a broker tells a batch sent twice. */
type Producer = { id: string; epoch: number; sequences: Map<number, number> };
type Part = { partition: number; events: NewEvent[] };

function sizeOf({ key, value, headers }: NewEvent): number {
  const own = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  if (headers === undefined) return own;
  const texts = Object.entries(headers);
  return texts.reduce(
    (sum, [name, text]) => sum + HEADER_BYTES + 3 * (name.length + text.length),
    own,
  );
}

/** Cuts what one partition gets so that each piece is one batch; up to VALUE_BYTES_MAX it is one. */
function cut(events: readonly NewEvent[]): NewEvent[][] {
  const pieces: NewEvent[][] = [[]];
  let [values, bytes] = [0, 0];
  for (const event of events) {
    const [own, size] = [event.value?.length ?? 0, sizeOf(event)];
    values += own;
    bytes += size;
    const isFull = values > VALUE_BYTES_MAX || bytes > BATCH_BYTES_MAX;
    if (isFull && pieces.at(-1)?.length) {
      pieces.push([]);
      [values, bytes] = [own, size];
    }
    pieces.at(-1)?.push(event);
  }
  return pieces;
}

/** Rounds of produce requests: in each, at most one batch for a partition. */
export function planRounds(byPartition: ReadonlyMap<number, readonly NewEvent[]>): Part[][] {
  const rounds: Part[][] = [];
  for (const [partition, events] of byPartition) {
    for (const [round, piece] of cut(events).entries()) {
      rounds[round] ??= [];
      rounds[round].push({ partition, events: piece });
    }
  }
  return rounds;
}

async function startProducer(cluster: Cluster): Promise<Producer> {
  const broker = await cluster.findControllerBroker();
  const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
  return { id: producerId, epoch: producerEpoch, sequences: new Map() };
}

async function sendTo(broker: Broker, topic: string, parts: readonly Part[], producer: Producer) {
  const batches = parts.map(({ partition, events }) => ({
    partition,
    firstSequence: producer.sequences.get(partition) ?? 0,
    events,
  }));
  const bytes = encodeProduce({
    topic,
    acks: -1,
    timeoutMs: ACK_MS,
    producerId: BigInt(producer.id),
    producerEpoch: producer.epoch,
    time: Date.now(),
    parts: batches,
  });
  await produceBytes(broker, bytes);
  for (const { partition, firstSequence, events } of batches) {
    producer.sequences.set(partition, firstSequence + events.length);
  }
}

async function groupByLeader(cluster: Cluster, topic: string, parts: Iterable<Part>) {
  const groups = new Map<Broker, Part[]>();
  for (const part of parts) {
    const leader = await findLeader(cluster, { topic, partition: part.partition });
    groups.set(leader, [...(groups.get(leader) ?? []), part]);
  }
  return groups;
}

/**
 * The way to one topic: one round is under way at a time. Kafka takes a batch that is sent again
 * under the same numbers once. After an error nobody knows which numbers it has seen, so the next
 * append comes from a new producer: under the old numbers it could pass for the lost one and be
 * answered as stored without being so.
 */
export function createLane(connection: KafkaConnection, topic: string) {
  let producer: Producer | undefined;
  /** Counts appends that failed: a step that was given up sees by it that it must not send. */
  let failures = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const tryRound = async (cluster: Cluster, left: Set<Part>, before: number): Promise<void> => {
    const own = producer ?? (await startProducer(cluster));
    const groups = await groupByLeader(cluster, topic, left);
    if (failures !== before) throw new Error("given up");
    producer = own;
    const sent = [...groups].map(async ([leader, parts]) => {
      await sendTo(leader, topic, parts, own);
      for (const part of parts) left.delete(part);
    });
    const failed = (await Promise.allSettled(sent)).find(({ status }) => status === "rejected");
    if (failed?.status !== "rejected") return;
    if (PRODUCER_LOST.includes(classify(failed.reason).type)) forget(own);
    throw failed.reason;
  };
  const forget = (lost: Producer | undefined): void => {
    if (producer === lost) producer = undefined;
  };
  const sendRound = async (round: readonly Part[]): Promise<void> => {
    const left = new Set(round);
    const before = failures;
    const used = [...(producer?.sequences.values() ?? [])];
    if (used.some((sequence) => sequence > SEQUENCE_MAX)) producer = undefined;
    try {
      const step = (cluster: Cluster): Promise<void> => tryRound(cluster, left, before);
      await connection.attempt(`append to ${topic}`, APPEND_MS, step);
    } catch (thrown) {
      failures++;
      producer = undefined;
      throw thrown;
    }
  };
  return (byPartition: ReadonlyMap<number, readonly NewEvent[]>): Promise<void> => {
    const mine = turn.then(async () => {
      for (const round of planRounds(byPartition)) await sendRound(round);
    });
    turn = mine.catch(() => undefined);
    return mine;
  };
}
