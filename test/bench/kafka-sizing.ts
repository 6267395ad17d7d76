/** What a rate of requests takes of each part, by arithmetic from measured constants. */

/** Measured on one machine: what one process does, and what the log keeps. */
export type Constants = {
  /** Decisions a second of one collector and of one learner, one process each, alone on a core. */
  collectorPerSecond: number;
  learnerPerSecond: number;
  /** Records of limen.counts a second of the one process that decides. */
  deciderPerSecond: number;
  /** Records a second that one broker takes of this size. */
  brokerPerSecond: number;
  /** Bytes of an access-log entry as Envoy sends it, of a decision and of a label in the log. */
  entryBytes: number;
  decisionBytes: number;
  labelBytes: number;
  /** Labels for each decision. */
  labelShare: number;
  /** Records of limen.counts, and bytes of one, that a partition writes a second. */
  countsRecords: number;
  countsBytes: number;
  /** Resident bytes of a collector, of a learner without decisions held, and of one decision held. */
  collectorBytes: number;
  learnerBytes: number;
  heldBytes: number;
};

export type Deployment = {
  requestsPerSecond: number;
  /** How long decisions and labels are kept, seconds. */
  keepSeconds: number;
  /** W, seconds. */
  windowSeconds: number;
  /** Copies of each partition. */
  replication: number;
  /** Of a core, what a process may use for good: the rest is for catching up. */
  headroom: number;
  /** Decisions a partition holds for the join at the most. */
  holdMax: number;
};

export type Sizing = {
  partitions: number;
  learners: number;
  collectors: number;
  brokers: number;
  /** Bytes a second from proxies, into all brokers with copies, and kept on all of them. */
  receivedBytes: number;
  appendedBytes: number;
  keptBytes: number;
  /** Resident bytes of one learner. */
  learnerBytes: number;
  /** Share of decisions that the join holds until their labels are final. */
  heldShare: number;
  /** Share of what the one deciding process can read. */
  deciderShare: number;
  saturates: string;
};

/** As `limen install kafka` makes them unless told otherwise. */
export const PARTITIONS_MIN = 12;
/** A partition is one process's at a time, so there are some to spare for growth and rebalance. */
const PARTITIONS_EACH = 2;
/** Decisions are held for the join three windows long. */
const WINDOWS_HELD = 3;

const roundUpTo = (value: number, step: number): number => Math.ceil(value / step) * step;

/** By shares of what each can do at most: the part with the largest is the first that is full. What
 * waits for labels is none of them: above its room a random part is held. */
function findFirst(shares: Readonly<Record<string, number>>): string {
  const [first] = Object.entries(shares).toSorted(([, a], [, b]) => b - a);
  return first?.[0] ?? "";
}

export function sizeDeployment(constants: Constants, deployment: Deployment): Sizing {
  const { requestsPerSecond: rate, keepSeconds, windowSeconds, replication } = deployment;
  const { headroom, holdMax } = deployment;
  const need = (perSecond: number): number => Math.max(1, Math.ceil(rate / (perSecond * headroom)));
  const learners = need(constants.learnerPerSecond);
  const collectors = need(constants.collectorPerSecond);
  const labels = rate * constants.labelShare;
  const copies = (rate + labels) * replication;
  const brokers = Math.max(replication, Math.ceil(copies / (constants.brokerPerSecond * headroom)));
  const partitions = Math.max(PARTITIONS_MIN, roundUpTo(learners * PARTITIONS_EACH, 4));
  const countsPerSecond = partitions * constants.countsRecords;
  const decisionBytes = rate * constants.decisionBytes + labels * constants.labelBytes;
  const appendedBytes = (decisionBytes + countsPerSecond * constants.countsBytes) * replication;
  const wanted = (rate / partitions) * windowSeconds * WINDOWS_HELD;
  const held = Math.min(wanted, holdMax);
  const deciderShare = countsPerSecond / constants.deciderPerSecond;
  const heldShare = held / wanted;
  return {
    partitions,
    learners,
    collectors,
    brokers,
    receivedBytes: rate * constants.entryBytes,
    appendedBytes,
    keptBytes: decisionBytes * keepSeconds * replication,
    learnerBytes: constants.learnerBytes + (partitions / learners) * held * constants.heldBytes,
    heldShare,
    deciderShare,
    saturates: findFirst({
      "the deciding process: it reads the counts of all partitions": deciderShare,
      learners: rate / (learners * constants.learnerPerSecond),
      collectors: rate / (collectors * constants.collectorPerSecond),
      brokers: copies / (brokers * constants.brokerPerSecond),
    }),
  };
}
