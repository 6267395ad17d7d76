import { setTimeout as sleep } from "node:timers/promises";
import kafkajs from "kafkajs";
import { LimenError } from "../errors.ts";
import type { KafkaSettings } from "../settings-log.ts";
import { assignPartitions } from "./assign-partitions.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { classify } from "./kafka-errors.ts";
import type { Broker, Cluster, JoinAnswer } from "./kafka-internals.ts";

/** A member not heard of this long is out; brokers allow 6 s at the least. */
const SESSION_MS = 8_000;
const HEARTBEAT_MS = 500;
/** Ends before the session does: from then on others may have the partitions. */
const STAY_MS = SESSION_MS - 2 * HEARTBEAT_MS;
/** The others see a rebalance with their next heartbeat, and join again at once. */
const REBALANCE_MS = 5_000;
const JOIN_MS = 20_000;
const COMMIT_MS = 5_000;
const RETRY_MS = 500;
const LEAVE_MS = 500;
const PROTOCOL = "limen";

const REJOIN = ["REBALANCE_IN_PROGRESS"];
/** The group has gone on without this member: what it had belongs to others. */
const FORGOTTEN = ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"];

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

export type GroupOptions = {
  groupId: string;
  /**
   * The partitions of limen.decisions that are this member's from now on, all of them. An empty
   * list in the same generation says that they are lost.
   */
  onAssigned: (partitions: number[], generation: number) => void;
  /** Told once until it works again; the group is tried on. */
  onError: (error: LimenError) => void;
};

export type Group = {
  /** For others to see how far this member has come; a member without the partition is ignored. */
  commit(partition: number, offset: bigint): Promise<void>;
  /** Leaves, so that the others share what it had at once. */
  close(): Promise<void>;
};

type State = GroupOptions & {
  topic: string;
  connection: KafkaConnection;
  coordinator: { cluster: Cluster; broker: Broker } | undefined;
  memberId: string;
  generation: number;
  owned: number[];
  stop: AbortController;
};
type Word = "alive" | "rejoin" | "forgotten";

async function findCoordinator(state: State, cluster: Cluster): Promise<Broker> {
  if (state.coordinator?.cluster !== cluster) {
    const broker = await cluster.findGroupCoordinator({ groupId: state.groupId });
    state.coordinator = { cluster, broker };
  }
  return state.coordinator.broker;
}

/** Runs a request at the coordinator; what the group says of this member is an answer, no error. */
async function ask<Value>(
  state: State,
  cluster: Cluster,
  request: (coordinator: Broker) => Promise<Value>,
): Promise<Value | "rejoin" | "forgotten"> {
  try {
    return await request(await findCoordinator(state, cluster));
  } catch (thrown) {
    const { type } = classify(thrown);
    if (REJOIN.includes(type)) return "rejoin";
    if (FORGOTTEN.includes(type)) return "forgotten";
    state.coordinator = undefined;
    throw thrown;
  }
}

function readOwned(metadata: Buffer): number[] {
  const owned: unknown = JSON.parse(MemberMetadata.decode(metadata)?.userData.toString() || "[]");
  return Array.isArray(owned) ? owned.filter(Number.isInteger) : [];
}

/** The leader's part: who gets what. The others send nothing. */
function assign(state: State, cluster: Cluster, { leaderId, memberId, members }: JoinAnswer) {
  if (leaderId !== memberId) return [];
  const { topic } = state;
  const count = cluster.findTopicPartitionMetadata(topic).length;
  const all = members.map((one) => ({ id: one.memberId, owned: readOwned(one.memberMetadata) }));
  const shares = assignPartitions(all, count);
  return [...shares].map(([id, partitions]) => ({
    memberId: id,
    memberAssignment: MemberAssignment.encode({
      version: 0,
      assignment: { [topic]: partitions },
      userData: Buffer.alloc(0),
    }),
  }));
}

async function join(state: State, cluster: Cluster): Promise<Word> {
  const { groupId, topic } = state;
  const metadata = MemberMetadata.encode({
    version: 0,
    topics: [topic],
    userData: Buffer.from(JSON.stringify(state.owned)),
  });
  const joined = await ask(state, cluster, (coordinator) =>
    coordinator.joinGroup({
      groupId,
      memberId: state.memberId,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      groupProtocols: [{ name: PROTOCOL, metadata }],
    }),
  );
  if (typeof joined === "string") return joined;
  const { memberId, generationId } = joined;
  state.memberId = memberId;
  state.generation = generationId;
  const groupAssignment = assign(state, cluster, joined);
  const synced = await ask(state, cluster, (coordinator) =>
    coordinator.syncGroup({ groupId, generationId, memberId, groupAssignment }),
  );
  if (typeof synced === "string") return synced;
  const own = MemberAssignment.decode(synced.memberAssignment);
  state.owned = own?.assignment[topic] ?? [];
  return "alive";
}

/** The id stays: under it the group takes this member back at once. */
function lose(state: State): void {
  if (state.owned.length === 0) return;
  state.owned = [];
  state.onAssigned([], state.generation);
}

function forget(state: State): void {
  state.memberId = "";
  lose(state);
}

/** Heartbeats until the group says something else. */
async function beat(state: State): Promise<Word> {
  const { groupId, memberId, generation: groupGenerationId, stop } = state;
  const request = { groupId, memberId, groupGenerationId };
  for (;;) {
    await sleep(HEARTBEAT_MS, undefined, { signal: stop.signal });
    const word = await state.connection.attempt("stay in the group", STAY_MS, (cluster) =>
      ask(state, cluster, (coordinator) => coordinator.heartbeat(request)),
    );
    if (word === "rejoin" || word === "forgotten") return word;
  }
}

/** One membership: joins, tells what it got, and stays until a rebalance or a loss. */
async function live(state: State): Promise<void> {
  const step = (cluster: Cluster): Promise<Word> => join(state, cluster);
  const word = await state.connection.attempt("join the group", JOIN_MS, step);
  if (word === "forgotten") forget(state);
  if (word !== "alive") return;
  if (state.stop.signal.aborted) return;
  state.onAssigned([...state.owned], state.generation);
  if ((await beat(state)) === "forgotten") forget(state);
}

async function run(state: State): Promise<void> {
  let said = "";
  while (!state.stop.signal.aborted) {
    try {
      await live(state);
      said = "";
    } catch (thrown) {
      if (state.stop.signal.aborted) return;
      lose(state);
      const error = LimenError.from(thrown, "group of learners");
      if (error.message !== said) state.onError(error);
      said = error.message;
      await sleep(RETRY_MS);
    }
  }
}

async function leave(state: State): Promise<void> {
  const { groupId, memberId, connection } = state;
  if (memberId === "") return;
  await connection.attempt("leave the group", LEAVE_MS, (cluster) =>
    ask(state, cluster, (coordinator) => coordinator.leaveGroup({ groupId, memberId })),
  );
}

async function commit(state: State, partition: number, offset: bigint): Promise<void> {
  const { groupId, memberId, generation: groupGenerationId, topic, owned } = state;
  if (!owned.includes(partition)) return;
  const topics = [{ topic, partitions: [{ partition, offset: `${offset}` }] }];
  const request = { groupId, memberId, groupGenerationId, topics };
  await state.connection.attempt("commit an offset", COMMIT_MS, (cluster) =>
    ask(state, cluster, (coordinator) => coordinator.offsetCommit(request)),
  );
}

/**
 * Shares the partitions of limen.decisions with the other members of the group. Membership only:
 * nothing is read through it. Partitions move as little as they can.
 */
export function joinGroup(settings: KafkaSettings, options: GroupOptions): Group {
  const topic = `${settings.prefix}limen.decisions`;
  const state: State = {
    ...options,
    topic,
    connection: connectKafka(settings, [topic]),
    coordinator: undefined,
    memberId: "",
    generation: -1,
    owned: [],
    stop: new AbortController(),
  };
  const running = run(state);
  return {
    commit: (partition, offset) => commit(state, partition, offset),
    close: async () => {
      state.stop.abort();
      await leave(state).catch(() => undefined);
      state.connection.close();
      await running;
    },
  };
}
