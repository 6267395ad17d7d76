import { LimenError } from "../errors.ts";
import { describeLog, type KafkaSettings } from "../settings-log.ts";
import { createLane } from "./kafka-append.ts";
import { connectKafka } from "./kafka-connection.ts";
import { findEnd, type Place, readEvents } from "./kafka-read.ts";
import { readTopicFacts } from "./kafka-topics.ts";
import type { EventLog, NewEvent, StoredEvent, Topic } from "./log.ts";
import { TOPICS, VALUE_BYTES_MAX } from "./log.ts";
import { choosePartition } from "./partition.ts";
import { compareTopics, listTopics, type TopicFacts } from "./topics.ts";

const READ_MS = 10_000;
/** Of one partition: readers that go on, each from where it stopped. */
const CURSORS_MAX = 16;

type Counts = ReadonlyMap<Topic, number>;
type Lane = ReturnType<typeof createLane>;

/** Partitions by topic; throws when a topic is missing or not as it must be. */
function checkTopics(facts: readonly TopicFacts[], prefix: string, where: string): Counts {
  const countOf = (topic: Topic): number | undefined =>
    facts.find(({ name }) => name === `${prefix}${topic}`)?.partitions;
  const wanted = listTopics({
    partitions: countOf("limen.decisions") ?? 1,
    replication: 1,
    minInsync: 1,
    prefix,
    keepMs: 0,
    diskBytes: 0,
  });
  const worst = compareTopics(facts, wanted)[0];
  if (worst?.level === "error") {
    throw new LimenError("missing", `event log ${where}: topic ${worst.topic}: ${worst.text}`);
  }
  return new Map(TOPICS.map((topic) => [topic, countOf(topic) ?? 0]));
}

function choose({ topic, key, partition }: NewEvent, counts: Counts): number {
  const count = counts.get(topic);
  if (count === undefined) {
    throw new LimenError("input", `event log: no topic ${topic}; one of ${TOPICS.join(", ")}`);
  }
  if (partition === undefined) return choosePartition(key, count);
  if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
  const text = `no partition ${partition} of ${topic}, there are ${count}`;
  throw new LimenError("input", `event log: ${text}`);
}

/** The events of a batch by topic and partition, in their order. */
function group(batch: readonly NewEvent[], counts: Counts): Map<Topic, Map<number, NewEvent[]>> {
  const groups = new Map<Topic, Map<number, NewEvent[]>>();
  for (const event of batch) {
    const { topic, value } = event;
    if ((value?.length ?? 0) > VALUE_BYTES_MAX) {
      const text = `a value of ${value?.length} bytes for ${topic}; at most ${VALUE_BYTES_MAX}`;
      throw new LimenError("input", `event log: ${text}`);
    }
    const partition = choose(event, counts);
    const byPartition = groups.get(topic) ?? new Map<number, NewEvent[]>();
    groups.set(topic, byPartition);
    const events = byPartition.get(partition);
    if (events) events.push(event);
    else byPartition.set(partition, [event]);
  }
  return groups;
}

/**
 * A broker's clock may go back, and a new leader has another one; a reader that goes on from where
 * it stopped is given the latest time it has seen.
 */
function createCursors() {
  const cursors = new Map<string, Map<bigint, number>>();
  return (place: string, from: bigint, events: StoredEvent[]): StoredEvent[] => {
    const own = cursors.get(place) ?? new Map<bigint, number>();
    cursors.set(place, own);
    let time = own.get(from) ?? 0;
    for (const event of events) {
      time = Math.max(time, event.time);
      event.time = time;
    }
    const last = events.at(-1);
    if (!last) return events;
    own.delete(from);
    own.set(last.offset + 1n, time);
    const oldest = own.keys().next();
    if (own.size > CURSORS_MAX && !oldest.done) own.delete(oldest.value);
    return events;
  };
}

async function appendBatch(
  batch: readonly NewEvent[],
  counts: Counts,
  laneOf: (topic: Topic) => Lane,
): Promise<void> {
  const sent = [...group(batch, counts)].map(([topic, events]) => laneOf(topic)(events));
  const failed = (await Promise.allSettled(sent)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

function logOf(settings: KafkaSettings, counts: Counts): EventLog {
  const names = TOPICS.map((topic) => `${settings.prefix}${topic}`);
  const connection = connectKafka(settings, names);
  // Appends wait for replicas, and a broker answers the requests of a connection one by one.
  const writing = connectKafka(settings, names);
  const nameOf = (topic: Topic): string => `${settings.prefix}${topic}`;
  const lanes = new Map(TOPICS.map((topic) => [topic, createLane(writing, nameOf(topic))]));
  const laneOf = (topic: Topic): Lane => lanes.get(topic) as Lane;
  const tellTimes = createCursors();
  const places = new Map<string, Place>();
  const placeOf = (topic: Topic, partition: number): Place => {
    const name = `${topic} ${partition}`;
    const place = places.get(name) ?? { topic: nameOf(topic), partition };
    places.set(name, place);
    return place;
  };
  return {
    append: (batch) => appendBatch(batch, counts, laneOf),
    read: async (topic, partition, from, max) => {
      const place = placeOf(topic, partition);
      const events = await connection.attempt(
        `read ${place.topic} ${partition}`,
        READ_MS,
        (cluster) => readEvents(cluster, place, from, max),
      );
      return tellTimes(`${topic} ${partition}`, from, events);
    },
    end: (topic, partition) => {
      const place = { topic: nameOf(topic), partition };
      return connection.attempt(`find the end of ${place.topic} ${partition}`, READ_MS, (cluster) =>
        findEnd(cluster, place),
      );
    },
    partitions: (topic) => counts.get(topic) ?? 0,
    hasOneClock: false,
    close: async () => {
      writing.close();
      connection.close();
    },
  };
}

/** The event log in Kafka. Throws within 10 s when no broker answers or a topic is not as it must be. */
export async function openKafkaLog(settings: KafkaSettings): Promise<EventLog> {
  const facts = await readTopicFacts(settings);
  return logOf(settings, checkTopics(facts, settings.prefix, describeLog(settings)));
}
