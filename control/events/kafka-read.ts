import { type Cluster, errorOfCode, fetchBytes } from "./kafka-internals.ts";
import { type Aborted, decodeRecords } from "./kafka-records.ts";
import type { StoredEvent } from "./log.ts";

/** Of one answer; a larger batch comes whole nevertheless. */
const FETCH_BYTES_MAX = 1024 * 1024;
const FETCH_BYTES_MIN = 64 * 1024;
/** Of an event in the log, until some were read. */
const EVENT_BYTES = 512;
const READ_COMMITTED = 1;
const OUT_OF_RANGE = 1;
const EARLIEST = -2;
const LATEST = -1;
/** A broker that has more and gives nothing is asked again this often before it counts as broken. */
const EMPTY_MAX = 20;

export type Place = {
  topic: string;
  partition: number;
  /** What events took in the last answer: more than `max` of them are fetched in vain. */
  eventBytes?: number | undefined;
};

type Answer = { code: number; stable: bigint; aborted: Aborted[]; records: Buffer };

/** The answer to a fetch (version 11) of one partition. */
export function readFetchAnswer(data: Buffer): Answer {
  // Throttle time 4, error 2, session 4, topics 4, the name, partitions 4, partition 4.
  const code = data.readInt16BE(4);
  if (code !== 0) throw errorOfCode(code);
  let at = 14 + 2 + data.readInt16BE(14) + 8;
  const own = { code: data.readInt16BE(at), stable: data.readBigInt64BE(at + 10) };
  // High watermark, stable offset and log start, 8 each.
  const count = Math.max(0, data.readInt32BE(at + 26));
  at += 30;
  const aborted = Array.from({ length: count }, (_, index) => ({
    producerId: data.readBigInt64BE(at + 16 * index),
    firstOffset: data.readBigInt64BE(at + 16 * index + 8),
  }));
  // Then the preferred replica 4, and the size of the records 4.
  at += 16 * count + 4;
  const size = Math.max(0, data.readInt32BE(at));
  return { ...own, aborted, records: data.subarray(at + 4, at + 4 + size) };
}

export async function findLeader(cluster: Cluster, { topic, partition }: Place) {
  const all = cluster.findTopicPartitionMetadata(topic);
  const leader = all.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
  // 5: no leader; it is looked for again.
  if (leader < 0) throw errorOfCode(5);
  return cluster.findBroker({ nodeId: leader });
}

async function listOffset(cluster: Cluster, place: Place, timestamp: number): Promise<bigint> {
  const { topic, partition } = place;
  const leader = await findLeader(cluster, place);
  const { responses } = await leader.listOffsets({
    isolationLevel: READ_COMMITTED,
    topics: [{ topic, partitions: [{ partition, timestamp }] }],
  });
  return BigInt(responses[0]?.partitions[0]?.offset ?? -1);
}

/** Behind the last event that is decided: a transaction under way does not count. */
export const findEnd = (cluster: Cluster, place: Place): Promise<bigint> =>
  listOffset(cluster, place, LATEST);

async function fetchOnce(
  cluster: Cluster,
  place: Place,
  position: bigint,
  maxBytes: number,
): Promise<Answer> {
  const { topic, partition } = place;
  const leader = await findLeader(cluster, place);
  const one = { partition, fetchOffset: `${position}`, maxBytes };
  const data = await fetchBytes(leader, {
    replicaId: -1,
    isolationLevel: READ_COMMITTED,
    maxWaitTime: 0,
    minBytes: 1,
    maxBytes,
    topics: [{ topic, partitions: [one] }],
  });
  const answer = readFetchAnswer(data);
  if (answer.code !== 0 && answer.code !== OUT_OF_RANGE) throw errorOfCode(answer.code);
  return answer;
}

const sizeFetch = ({ eventBytes = EVENT_BYTES }: Place, max: number): number =>
  Math.max(FETCH_BYTES_MIN, Math.min(max * eventBytes, FETCH_BYTES_MAX));

/**
 * At most `max` committed events from an offset; none only at the end. An offset below what the
 * topic still keeps goes on with the first that it keeps.
 */
export async function readEvents(
  cluster: Cluster,
  place: Place,
  from: bigint,
  max: number,
): Promise<StoredEvent[]> {
  const { topic, partition } = place;
  let position = from;
  const maxBytes = sizeFetch(place, max);
  for (let empty = 0; empty < EMPTY_MAX; ) {
    const { code, stable, aborted, records } = await fetchOnce(cluster, place, position, maxBytes);
    if (code === OUT_OF_RANGE) {
      const first = await listOffset(cluster, place, EARLIEST);
      if (position >= first) return [];
      position = first;
      continue;
    }
    const decoded = decodeRecords(records, { partition, from: position, max, aborted });
    const { events, next, recordBytes } = decoded;
    place.eventBytes = recordBytes || place.eventBytes;
    if (events.length > 0 || next >= stable) return events;
    empty = next === position ? empty + 1 : 0;
    position = next;
  }
  throw new Error(`${topic} ${partition} at ${position}: the broker answers without records`);
}
