// The parts of kafkajs 2.2.4 that its public interface has no way to: requests to one broker. The
// version is pinned; only this file knows where they are.
import { createRequire } from "node:module";
import type { Socket } from "node:net";

export type PartitionMetadata = { partitionId: number; leader: number; replicas: number[] };
type Encode = () => Promise<{ buf: Buffer; buffer: Buffer; size: () => number }>;
type Request = {
  request: { apiVersion: number; encode?: Encode };
  response: Response;
  requestTimeout?: number;
};
type Response = { decode: (data: Buffer) => Promise<unknown>; parse: (data: unknown) => unknown };
type Group = { groupId: string; memberId: string };
type InGeneration = Group & { groupGenerationId: number };

export type FetchRequest = {
  replicaId: number;
  isolationLevel: number;
  maxWaitTime: number;
  minBytes: number;
  maxBytes: number;
  topics: readonly {
    topic: string;
    partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
  }[];
};
export type JoinAnswer = {
  generationId: number;
  leaderId: string;
  memberId: string;
  members: readonly { memberId: string; memberMetadata: Buffer }[];
};

export type Broker = {
  nodeId: number;
  connectionPool: {
    pool: readonly { isConnected(): boolean }[];
    getConnection(index: number): Promise<unknown>;
    send(request: Request): Promise<unknown>;
  };
  lookupRequest(apiKey: number, definition: unknown): (options: object) => Request;
  initProducerId(options: { transactionTimeout: number }): Promise<{
    producerId: string;
    producerEpoch: number;
  }>;
  listOffsets(request: {
    isolationLevel: number;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; timestamp: number }[];
    }[];
  }): Promise<{ responses: readonly { partitions: readonly { offset: string }[] }[] }>;
  describeConfigs(request: {
    resources: readonly { type: number; name: string; configNames: readonly string[] }[];
  }): Promise<{
    resources: readonly {
      resourceName: string;
      configEntries: readonly { configName: string; configValue: string }[];
    }[];
  }>;
  createTopics(request: {
    topics: readonly object[];
    validateOnly: boolean;
    timeout: number;
  }): Promise<unknown>;
  joinGroup(
    request: Group & {
      sessionTimeout: number;
      rebalanceTimeout: number;
      groupProtocols: readonly { name: string; metadata: Buffer }[];
    },
  ): Promise<JoinAnswer>;
  syncGroup(
    request: Group & {
      generationId: number;
      groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
    },
  ): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: InGeneration): Promise<unknown>;
  leaveGroup(request: Group): Promise<unknown>;
  offsetCommit(
    request: InGeneration & {
      topics: readonly {
        topic: string;
        partitions: readonly { partition: number; offset: string }[];
      }[];
    },
  ): Promise<unknown>;
};

export type Cluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(options: { nodeId: number }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(options: { groupId: string }): Promise<Broker>;
};

export type ClusterOptions = {
  brokers: readonly string[];
  clientId: string;
  ssl?: object;
  sasl?: object;
  connectionTimeout: number;
  authenticationTimeout: number;
  requestTimeout: number;
  metadataMaxAge: number;
  isolationLevel: number;
  retry: { initialRetryTime: number; maxRetryTime: number; retries: number };
  socketFactory: (options: {
    host: string;
    port: number;
    ssl?: object;
    onConnect: () => void;
  }) => Socket;
};

type RequestQueue = { pending: readonly unknown[]; scheduleCheckPendingRequests(): void };

const load = createRequire(import.meta.url);
const ClusterOfKafkajs = load("kafkajs/src/cluster") as new (options: object) => Cluster;
const { createLogger } = load("kafkajs/src/loggers") as {
  createLogger: (options: object) => unknown;
};
const { prototype: queue } = load("kafkajs/src/network/requestQueue") as {
  prototype: RequestQueue;
};
const { requests } = load("kafkajs/src/protocol/requests") as {
  requests: Readonly<Record<string, unknown>>;
};
const apiKeys = load("kafkajs/src/protocol/requests/apiKeys") as Readonly<Record<string, number>>;
const { createErrorFromCode } = load("kafkajs/src/protocol/error") as {
  createErrorFromCode: (code: number) => Error;
};

// With nothing pending it would start a timer of a negative time, which Node warns of.
const schedule = queue.scheduleCheckPendingRequests;
queue.scheduleCheckPendingRequests = function scheduleWhenPending(this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};

/** A client that says nothing on its own and never makes a topic. */
export function createCluster(options: ClusterOptions): Cluster {
  const logger = createLogger({ level: 0, logCreator: () => () => undefined });
  return new ClusterOfKafkajs({ ...options, logger, allowAutoTopicCreation: false });
}

/** Version 11, of Kafka 2.3 and above: the one whose answers are read here. */
const FETCH_VERSION = 11;
const FETCH_CONNECTION = 1;
const opening = new WeakMap<Broker, Promise<unknown>>();

/** kafkajs would open the connection twice for two reads that come at once. */
async function openFetchConnection(broker: Broker): Promise<void> {
  const { connectionPool } = broker;
  if (connectionPool.pool[FETCH_CONNECTION]?.isConnected()) return;
  const turn = opening.get(broker) ?? connectionPool.getConnection(FETCH_CONNECTION);
  opening.set(broker, turn);
  await turn.finally(() => opening.delete(broker));
}

/** The answer as bytes, for kafkajs drops what says how far they reach. */
export async function fetchBytes(broker: Broker, request: FetchRequest): Promise<Buffer> {
  const made = broker.lookupRequest(apiKeys["Fetch"] ?? -1, requests["Fetch"])(request);
  if (made.request.apiVersion !== FETCH_VERSION) {
    throw new Error("the broker is older than Kafka 2.3");
  }
  await openFetchConnection(broker);
  const response: Response = { decode: async (data) => ({ data }), parse: (data) => data };
  const answer = await broker.connectionPool.send({ ...made, response });
  return (answer as { data: Buffer }).data;
}

/** Of Kafka 0.11 and above; the body is the same up to version 8. */
const PRODUCE_VERSION_MIN = 3;

/** Sends the body of a produce request, and throws what the broker says against it. */
export async function produceBytes(broker: Broker, body: Buffer): Promise<void> {
  const empty = { acks: -1, timeout: 0, topicData: [] };
  const made = broker.lookupRequest(apiKeys["Produce"] ?? -1, requests["Produce"])(empty);
  if (made.request.apiVersion < PRODUCE_VERSION_MIN) {
    throw new Error("the broker is older than Kafka 0.11");
  }
  const encode: Encode = async () => ({ buf: body, buffer: body, size: () => body.length });
  await broker.connectionPool.send({ ...made, request: { ...made.request, encode } });
}

/** An error of kafkajs for a code of the protocol. */
export const errorOfCode = (code: number): Error => createErrorFromCode(code);

/** Makes topics by the controller; `config` as Kafka names it. */
export async function createTopicsOf(
  cluster: Cluster,
  topics: readonly {
    name: string;
    partitions: number;
    replication: number;
    config: Readonly<Record<string, string>>;
  }[],
): Promise<void> {
  await cluster.refreshMetadata();
  const broker = await cluster.findControllerBroker();
  const asked = topics.map(({ name, partitions, replication, config }) => ({
    topic: name,
    numPartitions: partitions,
    replicationFactor: replication,
    configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
  }));
  await broker.createTopics({ topics: asked, validateOnly: false, timeout: 5_000 });
}
