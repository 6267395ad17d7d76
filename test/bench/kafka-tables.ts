/** The tables of sizes, as text. */
import { type Constants, type Deployment, sizeDeployment } from "./kafka-sizing.ts";

const RATES = [1e3, 1e5, 1e7];
const DAY_S = 86_400;
export const DEPLOYMENT: Omit<Deployment, "requestsPerSecond"> = {
  keepSeconds: 7 * DAY_S,
  windowSeconds: DAY_S,
  replication: 3,
  headroom: 0.5,
  holdMax: 1_048_576,
};

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function showBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)));
  return `${(bytes / 1_000 ** power).toPrecision(3)} ${UNITS[power]}`;
}

const showShare = (share: number): string => `${(100 * share).toPrecision(2)}%`;
const tableOf = (rows: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = rows;
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...body.map(line)].join("\n");
};

export function showConstants(constants: Constants): string {
  const { collectorPerSecond, learnerPerSecond, deciderPerSecond, brokerPerSecond } = constants;
  const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
  return [
    `Measured above, each beside all the others on these cores: a collector ${whole(collectorPerSecond)}/s, a learner ${whole(learnerPerSecond)}/s, the deciding process ${whole(deciderPerSecond)} records of counts a second, the broker ${whole(brokerPerSecond)} records a second from Java's producer;`,
    `an access-log entry ${whole(constants.entryBytes)} B, in the log a decision ${whole(constants.decisionBytes)} B and a label ${whole(constants.labelBytes)} B, a partition ${constants.countsRecords.toFixed(0)} records of counts a second of ${whole(constants.countsBytes)} B; ${constants.heldBytes} B a decision held for the join (\`control/learn/join/held.ts\`).`,
    "Chosen: processes and brokers are used half, so that they catch up; 3 copies; 7 days kept; labels within 24 h, one for fifty decisions; 2 partitions a learner, 12 at the least; a partition holds 1,048,576 decisions for the join at the most.",
  ].join(" ");
}

export function showSizing(constants: Constants): string {
  const rows = RATES.map((requestsPerSecond) => {
    const sized = sizeDeployment(constants, { ...DEPLOYMENT, requestsPerSecond });
    return [
      `10^${Math.log10(requestsPerSecond)}`,
      ...[sized.partitions, sized.learners, sized.collectors, sized.brokers].map(String),
      ...[sized.receivedBytes, sized.appendedBytes].map((bytes) => `${showBytes(bytes)}/s`),
      showBytes(sized.keptBytes),
      showBytes(sized.learnerBytes),
      showShare(sized.heldShare),
      showShare(sized.deciderShare),
      sized.saturates,
    ];
  });
  const head = [
    ...["requests/s", "partitions", "learners", "collectors", "brokers", "from proxies"],
    ...["into Kafka, with copies", "kept, with copies", "memory of a learner"],
    ...["held for labels", "of the decider", "full first"],
  ];
  return tableOf([head, ...rows]);
}
